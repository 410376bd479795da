"""MoTAR: motion-aware temporal attention and recalibration (RefineVAD, equations 1 to 4)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.config import Motar as Settings
from pipeline.models.motion import ShiftRatio
from pipeline.models.shift import AdaptiveShift
from pipeline.models.transformer import TransformerLayer


def transformer_layer(width: int, settings: Settings) -> TransformerLayer:
    """A pre-norm Transformer layer whose branches start at zero: at first it changes nothing."""
    layer = TransformerLayer(
        width,
        settings.heads,
        dim_feedforward=2 * width,
        dropout=settings.dropout,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )
    nn.init.zeros_(layer.self_attn.out_proj.weight)
    nn.init.zeros_(layer.linear2.weight)
    nn.init.zeros_(layer.linear2.bias)
    return layer


class Motar(nn.Module):
    """Adaptive shift, projection to `width`, and a light Transformer over time (equation 4).

    Depth, heads, dropout, a learned position per snippet and the final layer norm are ours; with
    `layers` 0 and shift `none` the projection alone remains: each snippet by itself. Each
    layer's two branches start at zero (ours): snippets are first scored one by one, and mix over
    time as far as training asks for it. On few videos, mixing from the start lets every snippet
    of a video answer for the whole.
    """

    def __init__(
        self, *, widths: Sequence[int], width: int, n_snippets: int, settings: Settings
    ) -> None:
        super().__init__()
        shifts = settings.shift != "none"
        self.ratio = ShiftRatio() if shifts else None
        self.shift = AdaptiveShift(widths, settings) if shifts else None
        self.project = nn.Linear(sum(widths), width)
        mixes = settings.layers > 0
        self.position = nn.Parameter(torch.zeros(n_snippets, width)) if mixes else None
        layers = [transformer_layer(width, settings) for _ in range(settings.layers)]
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor, motion: Tensor) -> Tensor:
        """Features (B, T, D), their log v_t (B, T) -> temporal-contextual x^tc (B, T, width)."""
        if self.ratio is not None and self.shift is not None:
            features = self.shift(features, self.ratio(motion))
        context: Tensor = self.project(features)  # (B, T, width)
        if self.position is not None:
            context = context + self.position
        for layer in self.layers:
            context = layer(context)
        normed: Tensor = self.norm(context)
        return normed
