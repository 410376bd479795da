"""Text features of captions: a unit vector a snippet, by CLIP's text tower or another encoder."""

from pipeline.encoders.text.encoder import TextEncoder, recipe, truncated_share, width

__all__ = ["TextEncoder", "recipe", "truncated_share", "width"]
