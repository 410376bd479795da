"""`transformers`: a vision-language model that transformers knows by itself."""

from pipeline.encoders.captioners.native.captioner import (
    VERSION,
    NativeCaptioner,
    identity,
    together,
)

__all__ = ["VERSION", "NativeCaptioner", "identity", "together"]
