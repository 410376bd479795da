"""The shift as the paper writes it, by copying (equation 3)."""

import math

import torch
from torch import Tensor

from pipeline.models.shift.plan import Plan, count

BLOCK = 16  # channels copied at a time: 64 bytes of float32, a cache line


def hard_shift(features: Tensor, ratio: Tensor, plan: Plan) -> Tensor:
    """Equation 3, by copying: features (N, T, D), ratios (N, T) -> (N, T, D)."""
    block = math.gcd(BLOCK, *plan.widths)
    rows = features.reshape(-1, block)
    shifted = rows.index_select(0, source_rows(features, ratio, plan, block).flatten())
    mend_blocks(shifted, rows, ratio, plan)
    shifted = shifted.view(features.shape)
    if not plan.replicate:
        for channels, width, _ in plan.groups():
            position, s = count(ratio.device, width), plan.amount(ratio, width)
            shifted[:, 0, channels].masked_fill_(position < s[:, 0], 0)
            after = (position >= s[:, -1]) & (position < 2 * s[:, -1])
            shifted[:, -1, channels].masked_fill_(after, 0)
    return shifted


def source_rows(features: Tensor, ratio: Tensor, plan: Plan, block: int) -> Tensor:
    """(N, T, D / block): the row of `block` channels that stands in each place after the shift.

    A block goes where its first channel goes; beyond the ends of the video stands the end.
    """
    step = features.shape[-1] // block  # rows from one snippet to the next
    n_rows = features.numel() // block
    dtype = torch.int32 if n_rows < 2**31 else torch.int64
    index = torch.arange(n_rows, dtype=dtype, device=ratio.device).view(*ratio.shape, step)
    own_first, own_last = index[:, 0].clone(), index[:, -1].clone()
    for channels, group_width, _ in plan.groups():
        position, s = count(ratio.device, group_width, block), plan.amount(ratio, group_width)
        group = index[..., channels.start // block : channels.stop // block]
        group.add_(position < 2 * s, alpha=step).add_(position < s, alpha=-2 * step)
    torch.maximum(index[:, 0], own_first, out=index[:, 0])
    torch.minimum(index[:, -1], own_last, out=index[:, -1])
    return index


def mend_blocks(shifted: Tensor, rows: Tensor, ratio: Tensor, plan: Plan) -> None:
    """Chooses channel by channel in the blocks that hold s_t and 2 s_t; both (rows, block)."""
    block, step, device = rows.shape[-1], sum(plan.widths) // rows.shape[-1], ratio.device
    start = torch.arange(ratio.numel(), device=device).view(*ratio.shape, 1) * step  # (N, T, 1)
    before, after = (start.new_full((start.shape[1], 1), away) for away in (-step, step))
    before[0], after[-1] = 0, 0
    for channels, width, _ in plan.groups():
        s = plan.amount(ratio, width)  # (N, T, 1)
        number = torch.cat([s // block, 2 * s // block], dim=-1).clamp_(max=width // block - 1)
        own = start + channels.start // block + number  # (N, T, 2)
        now, previous, following = (
            rows.index_select(0, (own + away).flatten()) for away in (0, before, after)
        )
        channel = number.view(-1, 1) * block + count(device, block)  # (2 N T, block)
        s = s.expand_as(number).reshape(-1, 1)
        mended = torch.where(channel < 2 * s, following, now)
        mended = torch.where(channel < s, previous, mended)
        shifted.index_copy_(0, own.flatten(), mended)
