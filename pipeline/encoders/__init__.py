"""Frozen encoders: CLIP's towers and the captioners."""
