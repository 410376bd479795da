"""Which device computes."""

import torch

from pipeline.config import Runtime
from pipeline.errors import UserError


def pick_device(wanted: str) -> torch.device:
    """`auto`: the GPU when there is one; raises `UserError` when a wanted GPU is absent."""
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("runtime.device is cuda, but torch sees no GPU; use auto or cpu")
    return torch.device(wanted)


def encoder_workers(runtime: Runtime) -> int | None:
    """Processes for an encoder: one on a GPU, as many as `runtime.workers` says on CPUs (None)."""
    return 1 if pick_device(runtime.device).type == "cuda" else None
