"""MoTAR: motion-aware temporal attention and recalibration (RefineVAD, equations 1 to 4)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.config import Motar as Settings

EPSILON = 1e-8
PREDICTOR_WIDTH = 16
MAX_DEVIATIONS = 3.0


def motion_intensity(features: Tensor) -> Tensor:
    """v_t, the variance over channels of x_t - x_(t-1): (B, T, D) -> (B, T).

    The first snippet has no predecessor; its difference is taken as zero (ours).
    """
    difference = features.diff(dim=1, prepend=features[:, :1])  # (B, T, D)
    return difference.var(dim=-1, correction=0)


class ShiftRatio(nn.Module):
    """r_t in (0, 1) from the motion intensity (equation 1).

    The variance of unit-length features is tiny and skewed, so its logarithm is standardised
    with mean and deviation of the training videos, and held within three deviations (ours).
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))
        self.layers = nn.Sequential(
            nn.Linear(1, PREDICTOR_WIDTH),
            nn.GELU(),
            nn.Linear(PREDICTOR_WIDTH, PREDICTOR_WIDTH),
            nn.GELU(),
            nn.Linear(PREDICTOR_WIDTH, 1),
        )

    def fit_statistics(self, features: Tensor) -> None:
        """Take mean and deviation of log v_t over training features, first snippets left out."""
        log_motion = motion_intensity(features)[:, 1:].add(EPSILON).log()
        self.mean.copy_(log_motion.mean())
        self.deviation.copy_(log_motion.std().clamp(min=1e-3))

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, T, D) -> ratios (B, T)."""
        log_motion = motion_intensity(features).add(EPSILON).log()
        standard = (log_motion - self.mean) / self.deviation
        standard = standard.clamp(-MAX_DEVIATIONS, MAX_DEVIATIONS)
        logits: Tensor = self.layers(standard[..., None]).squeeze(-1)
        return logits.sigmoid()


class AdaptiveShift(nn.Module):
    """Replaces s_t channels by the previous and s_t by the next snippet's (equations 2 and 3).

    s_t = floor(r_t D / K). With `per_modality` each modality of `widths` shifts its own channels
    (ours); else the joined vector's first ones, as the paper writes. The floor passes no gradient
    to r_t, so: `floor` is the paper to the letter (the predictor never trains); `straight_through`
    computes the same forward and takes the gradient of sigmoid masks, whose softness is
    `temperature` as a share of D / K; `soft` uses those masks forward too.
    """

    position: Tensor
    most: Tensor

    def __init__(self, widths: Sequence[int], settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        groups = list(widths) if settings.per_modality else [sum(widths)]
        position = torch.cat([torch.arange(width) for width in groups])
        size = torch.cat([torch.full((width,), width) for width in groups])
        self.register_buffer("position", position.float(), persistent=False)  # (D,)
        self.register_buffer("most", size / settings.fold, persistent=False)  # (D,) D_m / K

    def masks(self, ratio: Tensor) -> tuple[Tensor, Tensor]:
        """Shares (B, T, D) taken from the previous and from the next snippet."""
        amount = ratio[..., None] * self.most  # (B, T, D), s_t before the floor
        whole = amount.detach().floor()
        previous = (self.position < whole).to(ratio.dtype)
        following = (self.position < 2 * whole).to(ratio.dtype) - previous
        if self.settings.shift == "floor":
            return previous, following
        softness = self.settings.temperature * self.most
        centre = self.position + 0.5
        soft_previous = ((amount - centre) / softness).sigmoid()
        soft_following = ((2 * amount - centre) / softness).sigmoid() - soft_previous
        if self.settings.shift == "soft":
            return soft_previous, soft_following
        return (
            previous + (soft_previous - soft_previous.detach()),  # the difference is exactly 0
            following + (soft_following - soft_following.detach()),
        )

    def forward(self, features: Tensor, ratio: Tensor) -> Tensor:
        """Features (B, T, D) and ratios (B, T) -> shifted features (B, T, D)."""
        zero = self.settings.edges == "zero"
        first = torch.zeros_like(features[:, :1]) if zero else features[:, :1]
        last = torch.zeros_like(features[:, :1]) if zero else features[:, -1:]
        previous = torch.cat([first, features[:, :-1]], dim=1)  # x_(t-1)
        following = torch.cat([features[:, 1:], last], dim=1)  # x_(t+1)
        from_previous, from_following = self.masks(ratio)
        return (
            features
            + from_previous * (previous - features)
            + from_following * (following - features)
        )


def transformer_layer(width: int, settings: Settings) -> nn.TransformerEncoderLayer:
    """A pre-norm Transformer layer whose branches start at zero: at first it changes nothing."""
    layer = nn.TransformerEncoderLayer(
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
    `layers` 0 the projection alone remains. Each layer's two branches start at zero (ours):
    snippets are first scored one by one, and mix over time as far as training asks for it. On few
    videos, mixing from the start lets every snippet of a video answer for the whole.
    """

    def __init__(
        self, *, widths: Sequence[int], width: int, n_snippets: int, settings: Settings
    ) -> None:
        super().__init__()
        self.ratio = ShiftRatio()
        self.shift = AdaptiveShift(widths, settings)
        self.project = nn.Linear(sum(widths), width)
        self.position = nn.Parameter(torch.zeros(n_snippets, width))
        layers = [transformer_layer(width, settings) for _ in range(settings.layers)]
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, T, D) -> temporal-contextual features x^tc (B, T, width)."""
        shifted = self.shift(features, self.ratio(features))
        context: Tensor = self.project(shifted) + self.position  # (B, T, width)
        for layer in self.layers:
            context = layer(context)
        normed: Tensor = self.norm(context)
        return normed
