"""Motion intensity, and how many channels it shifts (RefineVAD, equation 1)."""

import torch
from torch import Tensor, nn

EPSILON = 1e-8
PREDICTOR_WIDTH = 16
MAX_DEVIATIONS = 3.0


def motion_intensity(features: Tensor) -> Tensor:
    """v_t, the variance over channels of x_t - x_(t-1): (B, T, D) -> (B, T).

    The first snippet has no predecessor; its difference is taken as zero (ours).
    """
    difference = features.diff(dim=1, prepend=features[:, :1])  # (B, T, D)
    return difference.var(dim=-1, correction=0)


def log_motion(features: Tensor) -> Tensor:
    """Logarithm of v_t: (B, T, D) -> (B, T)."""
    return motion_intensity(features).add(EPSILON).log()


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

    def fit_statistics(self, motion: Tensor) -> None:
        """Take mean and deviation of log v_t (N, T) of training videos, first snippets left out."""
        self.mean.copy_(motion[:, 1:].mean())
        self.deviation.copy_(motion[:, 1:].std().clamp(min=1e-3))

    def forward(self, motion: Tensor) -> Tensor:
        """log v_t (B, T) -> ratios (B, T)."""
        standard = (motion - self.mean) / self.deviation
        standard = standard.clamp(-MAX_DEVIATIONS, MAX_DEVIATIONS)
        logits: Tensor = self.layers(standard[..., None]).squeeze(-1)
        return logits.sigmoid()
