"""Which channels are shifted, and by how much."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Plan:
    """Which channels to shift: of each group of `widths`, at most 1 / `fold` from either side."""

    widths: tuple[int, ...]
    fold: int
    temperature: float
    replicate: bool
    soft: bool

    def groups(self) -> Iterator[tuple[slice, int, float]]:
        """Each group's channels, its width D_m, and D_m / K."""
        first = 0
        for width in self.widths:
            yield slice(first, first + width), width, width / self.fold
            first += width

    def amount(self, ratio: Tensor, width: int) -> Tensor:
        """s_t of a group (..., 1), int32; 0 if the ratio is not a number, D_m / K at most."""
        amount = (ratio * (width / self.fold)).nan_to_num(0).clamp(0, width // self.fold)
        return amount.to(torch.int32)[..., None]  # the floor, of what is not negative

    def centre(self, ratio: Tensor, stop: int, most: float) -> Tensor:
        """Middles of the first `stop` channels (stop,) of a group, in softnesses."""
        middle = torch.arange(stop, dtype=ratio.dtype, device=ratio.device) + 0.5
        return middle / (self.temperature * most)


def count(device: torch.device, stop: int, step: int = 1) -> Tensor:
    """Channels 0, step, ... below `stop`, int32."""
    return torch.arange(0, stop, step, dtype=torch.int32, device=device)


def masks(ratio: Tensor, plan: Plan) -> tuple[Tensor, Tensor]:
    """Shares (..., D) taken from the previous and from the next snippet, for ratios (...)."""
    previous, following = [], []
    for _, width, most in plan.groups():
        if plan.soft:
            centre = plan.centre(ratio, width, most)
            scaled = ratio[..., None] / plan.temperature
            to_s, to_2s = (scaled - centre).sigmoid(), (2 * scaled - centre).sigmoid()
        else:
            position, s = count(ratio.device, width), plan.amount(ratio, width)
            to_s, to_2s = (position < s).to(ratio.dtype), (position < 2 * s).to(ratio.dtype)
        previous.append(to_s)
        following.append(to_2s - to_s)
    return torch.cat(previous, dim=-1), torch.cat(following, dim=-1)
