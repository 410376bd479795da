"""`torch.compile` where it works, the plain encoder where it does not."""

import sys
from collections.abc import Callable

import torch

MESSAGE = 300  # characters shown of an error, which may hold a whole program

Encode = Callable[[torch.Tensor], torch.Tensor]


def compiled(encode: Encode, example: torch.Tensor) -> tuple[Encode, bool]:
    """(`encode` compiled for inputs of `example`'s shape, True), or (`encode`, False) and why.

    Compiling happens here, by a first call, and not in the midst of a video.
    """
    try:
        fast: Encode = torch.compile(encode, dynamic=False)
        with torch.no_grad():
            fast(example)
    except Exception as error:  # of many kinds: no compiler, no Triton, an operator it cannot do
        message = " ".join(str(error).split())[:MESSAGE]
        print(
            f"runtime.compile: torch.compile failed ({type(error).__name__}: {message}); "
            "going on with the model as it is, with the same features",
            file=sys.stderr,
        )
        return encode, False
    return fast, True
