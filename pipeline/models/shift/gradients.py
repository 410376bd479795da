"""Gradients of the shift: of the soft one to the ratio, of either to the features."""

import math

import torch
from torch import Tensor

from pipeline.models.shift.plan import Plan, masks
from pipeline.models.shift.soft import differences, portions


def ratio_gradient(features: Tensor, ratio: Tensor, upstream: Tensor, plan: Plan) -> Tensor:
    """Gradient (N, T) of the soft shift with respect to the ratio.

    Channels further than -log(eps) softnesses beyond D_m / K (2 D_m / K for the second edge) are
    left out: the ratio being 1 at most, the sigmoid's derivative, 1/4 at its peak, is there below
    exp(log(eps)) = eps, the resolution of the dtype.
    """
    gradient = torch.empty_like(ratio, memory_format=torch.contiguous_format)
    tail = -math.log(torch.finfo(features.dtype).eps) * plan.temperature
    derive = torch.ops.aten.sigmoid_backward.grad_input  # (g, s) -> g s (1 - s), in one pass
    for part, buffers in portions(features):
        scaled = ratio[part][..., None] / plan.temperature
        total = torch.zeros_like(ratio[part])
        for channels, width, most in plan.groups():
            near, far = (min(width, math.ceil(most * (edge + tail))) for edge in (1, 2))
            x, g = (each[part, :, channels][..., :far] for each in (features, upstream))
            step, span, share = buffers[0, ..., :far], buffers[1, ..., :near], buffers[2, ..., :far]
            differences(x, step, span, replicate=plan.replicate)
            centre = plan.centre(ratio, far, most)
            torch.sub(2 * scaled, centre, out=share).sigmoid_()
            derive(step, share, grad_input=step)
            share = torch.sub(scaled, centre[:near], out=share[..., :near]).sigmoid_()
            derive(span, share, grad_input=span)
            step[..., :near].sub_(span, alpha=0.5)
            total += step.mul_(g).sum(dim=-1)
        torch.mul(total, 2 / plan.temperature, out=gradient[part])
    return gradient


def features_gradient(ratio: Tensor, upstream: Tensor, plan: Plan) -> Tensor:
    """Gradient (N, T, D) of the shift, as the forward pass did it, with respect to the features."""
    previous, following = masks(ratio, plan)
    gradient = upstream * (1 - previous - following)
    to_previous, to_following = previous * upstream, following * upstream
    gradient[:, :-1] += to_previous[:, 1:]
    gradient[:, 1:] += to_following[:, :-1]
    if plan.replicate:
        gradient[:, 0] += to_previous[:, 0]
        gradient[:, -1] += to_following[:, -1]
    return gradient
