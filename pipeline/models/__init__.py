"""Heads: snippet features in, anomaly scores out. One file a head or a module of one."""
