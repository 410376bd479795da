"""Benchmarks: each prints a speed as a ratio to a named baseline of the same run."""
