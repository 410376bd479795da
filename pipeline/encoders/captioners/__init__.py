"""Captioners: one sentence a snippet. One file a backend, one protocol."""
