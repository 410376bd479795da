"""What every head is: the interface that training and evaluation know."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from pipeline.config import Features
from pipeline.errors import UserError


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

    def only(self, modalities: Sequence[str]) -> Self:
        """Of these modalities alone, in this order; raises `UserError` naming one not there."""
        for name in modalities:
            if name not in self.widths:
                found = ", ".join(self.widths)
                raise UserError(f"there are no {name} features here (found: {found})")
        return replace(self, widths={name: self.widths[name] for name in modalities})


# What a head reads of N videos, computed once before training: tensors of leading size N.
Inputs = tuple[Tensor, ...]


def take(inputs: Inputs, index: Tensor) -> Inputs:
    """The inputs of the videos of these numbers (B,)."""
    return tuple(part[index] for part in inputs)


class Targets(NamedTuple):
    """What training is told of B videos: `abnormal` (B,) bool, `categories` (B, C) multi-hot.

    A normal video has no category; an abnormal one may have none too: those of another dataset,
    say, are unknown to a head (a row of zeros).
    """

    abnormal: Tensor
    categories: Tensor

    @classmethod
    def of(cls, categories: Tensor) -> Self:
        """Videos that are abnormal as far as they have a category (B, C)."""
        return cls(categories.any(dim=1), categories)

    def take(self, index: Tensor) -> Self:
        """Those of the videos of these numbers (B,)."""
        return type(self)(self.abnormal[index], self.categories[index])

    def to(self, device: torch.device) -> Self:
        """The same on a device."""
        return type(self)(self.abnormal.to(device), self.categories.to(device))


class Prediction(NamedTuple):
    """`logits` (B, T) of snippets; `category_logits` (B, C, 2) of videos, None without categories.

    The last axis of `category_logits` is normal, abnormal (RefineVAD, equation 5).
    """

    logits: Tensor
    category_logits: Tensor | None = None

    @property
    def category_prob(self) -> Tensor | None:
        """Probability (B, C) that a video is abnormal in the way of each category."""
        logits = self.category_logits
        return None if logits is None else logits.softmax(dim=-1)[..., 1]


class Head(nn.Module, ABC):
    """A trainable head on frozen features (B, T, D)."""

    def fit_statistics(self, features: Tensor, targets: Targets) -> None:
        """Take from training videos' features (N, T, D) and targets what no gradient learns."""

    @abstractmethod
    def prepare(self, features: Tensor) -> Inputs:
        """What the head reads of features (N, T, D), each video's by itself; no gradient shapes it.

        It is computed once, so what stands here costs a training step nothing.
        """

    @abstractmethod
    def score(self, inputs: Inputs) -> Prediction:
        """Score snippets; in eval mode one video's result does not depend on the others."""

    @abstractmethod
    def losses(self, inputs: Inputs, targets: Targets) -> dict[str, Tensor]:
        """Weighted loss terms of B videos' inputs and targets; their sum is minimised."""

    def forward(self, features: Tensor) -> Prediction:
        """Features (B, T, D), as the tables hold them, to scores."""
        return self.score(self.prepare(features))


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
