"""Captions from any server that speaks OpenAI's protocol: vLLM, SGLang, LMDeploy, and others.

`address` knows where the server is and its key, `server` talks to it and tries again, `answers`
reads what it says, `captioner` asks for each snippet and decides whose fault a failure is.
"""

from pipeline.encoders.captioners.endpoint.captioner import (
    TOGETHER,
    VERSION,
    EndpointCaptioner,
    identity,
    together,
)

__all__ = ["TOGETHER", "VERSION", "EndpointCaptioner", "identity", "together"]
