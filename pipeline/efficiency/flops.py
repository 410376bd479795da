"""Floating-point operations of a call, a multiplication and an addition counted as two."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

CONVENTION = (
    "A multiplication and an addition count as 2 operations. Counted are matrix products, "
    "convolutions and attention (all of it where a mask hides a part); not counted is what works "
    "number by number: normalisation, activation, softmax, the shift of channels."
)


@dataclass(frozen=True)
class Flops:
    """Operations of a call, and of them those of each child of the called module, by name."""

    total: int
    parts: dict[str, int]


@torch.no_grad()
def of(call: Callable[[], object], module: torch.nn.Module) -> Flops:
    """The operations of `call`, which runs `module` (or parts of it) on any device, meta included.

    Fused kernels hide what they multiply from the counter: the one of a whole Transformer layer
    in eval mode, and on a CPU that of attention. So both are computed step by step here.
    """
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            call()
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    found = {name: sum(own.values()) for name, own in counter.get_flop_counts().items()}
    prefix = type(module).__name__
    names = {name: f"{prefix}.{name}" for name, _ in module.named_children()}
    parts = {name: int(found.get(full, 0)) for name, full in names.items()}
    return Flops(int(counter.get_total_flops()), parts)
