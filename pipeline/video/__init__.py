"""Reading video: probing, snippet arithmetic, decoding."""
