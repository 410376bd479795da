"""Metrics of snippet scores against frame events and video labels."""
