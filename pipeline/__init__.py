"""Weakly supervised video anomaly detection, from raw video to metrics.

The importable library. It is handed arrays, tables, tensors and paths; it reads
no parameter file, no command line and no global state: `stages/` does that.
"""
