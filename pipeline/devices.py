"""Which device computes, and how many videos at a time."""

import torch

from pipeline.config import Runtime
from pipeline.errors import UserError

# Enough that the few batches a call begins and ends with, when the GPU waits, are 1 % of its time.
TOGETHER_ON_A_GPU = 16


def pick_device(wanted: str) -> torch.device:
    """`auto`: the GPU when there is one; raises `UserError` when a wanted GPU is absent."""
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("runtime.device is cuda, but torch sees no GPU; use auto or cpu")
    return torch.device(wanted)


def videos_together(runtime: Runtime) -> int:
    """Videos an encoder is called with at a time: many on a GPU, where they share batches.

    One on CPUs, where they do not and small pieces of work keep all workers busy to the end.
    """
    gpu_here = torch.cuda.is_available() or runtime.engine == "ray"  # or on Ray's other nodes
    on_gpu = runtime.device == "cuda" or (runtime.device == "auto" and gpu_here)
    return TOGETHER_ON_A_GPU if on_gpu else 1
