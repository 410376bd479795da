"""The shift with sigmoids in place of steps, so that the ratio has a gradient (ours)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from pipeline.models.shift.plan import Plan

CACHED = 2**21  # elements of a buffer on a CPU; much larger ones get fresh pages at each step


def portions(features: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Videos and three buffers for them: all at once on a GPU, cache by cache on a CPU."""
    n_videos, n_snippets, width = features.shape
    at_once = CACHED // (n_snippets * width) if features.device.type == "cpu" else n_videos
    size = max(1, min(n_videos, at_once))
    buffers = features.new_empty(3, size, n_snippets, width)
    for first in range(0, n_videos, size):
        part = slice(first, min(first + size, n_videos))
        yield part, buffers[:, : part.stop - first]


def differences(x: Tensor, step: Tensor, span: Tensor, *, replicate: bool) -> None:
    """Writes x_(t+1) - x_t into `step` and x_(t+1) - x_(t-1) into the fewer channels of `span`."""
    torch.sub(x[:, 1:], x[:, :-1], out=step[:, :-1])
    step[:, -1] = 0 if replicate else -x[:, -1]
    near = step[..., : span.shape[-1]]
    torch.add(near[:, 1:], near[:, :-1], out=span[:, 1:])
    span[:, 0] = near[:, 0]
    if not replicate:
        span[:, 0] += x[:, 0, : span.shape[-1]]


def soft_shift(features: Tensor, ratio: Tensor, plan: Plan) -> Tensor:
    """x_t + up_to(2 s) (x_(t+1) - x_t) - up_to(s) (x_(t+1) - x_(t-1)), with sigmoids for steps."""
    shifted = torch.empty_like(features, memory_format=torch.contiguous_format)
    for part, buffers in portions(features):
        scaled = ratio[part][..., None] / plan.temperature
        for channels, width, most in plan.groups():
            x, y = features[part, :, channels], shifted[part, :, channels]
            step, span, share = buffers[..., :width]
            differences(x, step, span, replicate=plan.replicate)
            centre = plan.centre(ratio, width, most)
            torch.sub(2 * scaled, centre, out=share).sigmoid_()
            torch.addcmul(x, step, share, out=y)
            torch.sub(scaled, centre, out=share).sigmoid_()
            y.addcmul_(span, share, value=-1)
    return shifted
