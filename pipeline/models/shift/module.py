"""The adaptive shift of channels in time (RefineVAD, equations 2 and 3).

Memory decides its speed, so passes over (B, T, D) are counted: elements read and written by each
operation. `straight_through`, without a gradient to the features, at K = 4 and temperature 0.1:

- Masks of floats and moved copies, the straightforward way (`benchmarks/shift.py`), take
  38 reads and 27 writes forward, 18 reads and 11 writes backward, and keep ten tensors for it.
- Here, forward: 1 read and 1 write. Whole blocks of 16 channels are copied by row number; these
  numbers, and the few blocks that hold s_t or 2 s_t, come to about one pass more.
- Here, backward: 12 reads and 8 writes. All but 2 of the reads are of three buffers, which on a
  CPU serve a portion of the videos at a time. The features and the ratio are all that is kept.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.config import Motar as Settings
from pipeline.models.shift.gradients import features_gradient, ratio_gradient
from pipeline.models.shift.hard import hard_shift
from pipeline.models.shift.plan import Plan
from pipeline.models.shift.soft import soft_shift


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> Tensor:
    result: Tensor = function.apply(*arguments)  # type: ignore[no-untyped-call]
    return result


class OverVideos(torch.autograd.Function):
    """A function of tensors whose first axis is videos: to `torch.func.vmap`, more of them."""

    @classmethod
    def vmap(cls, info: Any, in_dims: Any, *arguments: Any) -> tuple[Tensor, int]:
        """Joins the mapped axis to the first, and parts them in the result."""
        size, joined = info.batch_size, list(arguments)
        for number, (value, axis) in enumerate(zip(arguments, in_dims, strict=True)):
            if isinstance(value, Tensor):
                own = value.expand(size, *value.shape) if axis is None else value.movedim(axis, 0)
                joined[number] = own.flatten(0, 1)
        result = _apply(cls, *joined)
        return result.view(size, -1, *result.shape[1:]), 0


class Gradient(OverVideos):
    """One of the two gradients: a function of its own, so that `vmap` has a rule for it."""

    @staticmethod
    def forward(function: Any, plan: Plan, *tensors: Tensor) -> Any:
        """Calls the function."""
        return function(*tensors, plan)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        """Nothing is kept: the shift can be differentiated once."""


class Shift(OverVideos):
    """Hard or soft forward; the ratio's gradient is the soft shift's, the features' the forward's.

    Keeps nothing but its inputs.
    """

    @staticmethod
    def forward(features: Tensor, ratio: Tensor, plan: Plan) -> Tensor:
        """(N, T, D) and (N, T) -> (N, T, D)."""
        return (soft_shift if plan.soft else hard_shift)(features, ratio, plan)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        """Keeps the inputs."""
        *tensors, ctx.plan = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Computes the gradients that are asked for."""
        features, ratio = ctx.saved_tensors
        to_features = to_ratio = None
        if ctx.needs_input_grad[0]:
            to_features = _apply(Gradient, features_gradient, ctx.plan, ratio, *upstream)
        if ctx.needs_input_grad[1]:
            to_ratio = _apply(Gradient, ratio_gradient, ctx.plan, features, ratio, *upstream)
        return to_features, to_ratio, None


class AdaptiveShift(nn.Module):
    """Replaces s_t channels by the previous and s_t by the next snippet's (equations 2 and 3).

    s_t = floor(r_t D / K). With `per_modality` each modality of `widths` shifts its own channels
    (ours); else the joined vector's first ones, as the paper writes. The floor passes no gradient
    to r_t, so: `floor` is the paper to the letter (the predictor never trains); `straight_through`
    computes the same forward and takes the gradient of sigmoid masks, whose softness is
    `temperature` as a share of D / K; `soft` uses those masks forward too. It can be
    differentiated once. Fast where 16 divides each group's width; right for any width.
    """

    def __init__(self, widths: Sequence[int], settings: Settings) -> None:
        super().__init__()
        self.trains_ratio = settings.shift != "floor"
        self.plan = Plan(
            widths=tuple(widths) if settings.per_modality else (sum(widths),),
            fold=settings.fold,
            temperature=settings.temperature,
            replicate=settings.edges == "replicate",
            soft=settings.shift == "soft",
        )

    def forward(self, features: Tensor, ratio: Tensor) -> Tensor:
        """Features (B, T, D) and ratios (B, T) in [0, 1] -> shifted features (B, T, D)."""
        ratio = ratio if self.trains_ratio else ratio.detach()
        return _apply(Shift, features, ratio, self.plan)
