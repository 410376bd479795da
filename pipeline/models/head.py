"""What every head is: the interface that training and evaluation know."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.config import Features


@dataclass(frozen=True)
class FeatureLayout:
    """The input of a head: width of each modality in order, and the anomaly categories."""

    widths: dict[str, int]
    categories: list[str]
    n_snippets: int

    @property
    def width(self) -> int:
        """D, the width of the concatenated features."""
        return sum(self.widths.values())


class Prediction(NamedTuple):
    """`logits` (B, T) of snippets; `category_prob` (B, C) of videos, None without categories."""

    logits: Tensor
    category_prob: Tensor | None


class Head(nn.Module, ABC):
    """A trainable head on frozen features (B, T, D)."""

    def fit_statistics(self, features: Tensor, labels: Tensor) -> None:
        """Take from training features (N, T, D) and labels (N, C) what no gradient learns."""

    @abstractmethod
    def forward(self, features: Tensor) -> Prediction:
        """Score snippets; in eval mode one video's result does not depend on the others."""

    @abstractmethod
    def losses(self, features: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Weighted loss terms of features (B, T, D), labels (B, C); their sum is minimised."""


class FeatureInput(nn.Module):
    """Normalises each modality: minus the training mean (`center`), then to unit length (`l2`).

    The paper does not say how the two modalities are scaled before they are joined. The mean is
    that of training videos alone, and travels with the weights.
    """

    mean: Tensor

    def __init__(self, layout: FeatureLayout, settings: Features) -> None:
        super().__init__()
        self.widths = list(layout.widths.values())
        self.settings = settings
        self.register_buffer("mean", torch.zeros(layout.width))

    def fit_statistics(self, features: Tensor) -> None:
        """Take the mean over videos and snippets of the training features (N, T, D)."""
        if self.settings.center:
            self.mean.copy_(features.mean(dim=(0, 1)))

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, T, D), normalised; same shape."""
        centred = features - self.mean
        if self.settings.normalise == "none":
            return centred
        parts = torch.split(centred, self.widths, dim=-1)
        return torch.cat([nn.functional.normalize(part, dim=-1) for part in parts], dim=-1)
