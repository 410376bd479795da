"""`internvideo`: InternVideo2.5 by its authors' code, in an interpreter of its own."""

from pipeline.encoders.captioners.internvideo.captioner import (
    VERSION,
    InternVideoCaptioner,
    identity,
)

__all__ = ["VERSION", "InternVideoCaptioner", "identity"]
