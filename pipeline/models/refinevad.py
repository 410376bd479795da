"""RefineVAD (AAAI 2026, arXiv 2511.13204): MoTAR, CORE, one shared scorer, three losses.

No official code or weights were at hand. Where the paper is silent, our choice is a named
parameter in `params.yaml`, and the module's docstring says "ours".
"""

from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.config import Features, RefineVadHead
from pipeline.losses.category import balancing_weights, category_loss
from pipeline.losses.gmm import GmmSmoothing
from pipeline.losses.mil import mil_loss
from pipeline.models.core import Core, CoreOutput, category_probability
from pipeline.models.head import FeatureInput, FeatureLayout, Head, Prediction
from pipeline.models.motar import Motar
from pipeline.models.scorer import Scorer


class Parts(NamedTuple):
    """A forward pass: x^tc (B, T, H), what CORE made of it, and the final logits (B, T)."""

    context: Tensor
    core: CoreOutput
    logits: Tensor


class RefineVad(Head):
    """features -> MoTAR -> rough scores -> CORE -> scores by the same scorer.

    Sharing the scorer, both passes also feed one set of batch-normalisation statistics.
    """

    target_weights: Tensor

    def __init__(self, layout: FeatureLayout, features: Features, settings: RefineVadHead) -> None:
        super().__init__()
        self.settings = settings
        n_categories = len(layout.categories)
        self.input = FeatureInput(layout, features)
        self.motar = Motar(
            widths=list(layout.widths.values()),
            width=settings.width,
            n_snippets=layout.n_snippets,
            settings=settings.motar,
        )
        self.scorer = Scorer(settings.width, settings.scorer)
        self.core = Core(width=settings.width, n_categories=n_categories, settings=settings.core)
        self.gmm = GmmSmoothing(
            width=settings.width, hidden=settings.gmm.hidden, anchor=settings.gmm.anchor
        )
        self.register_buffer("target_weights", torch.ones(n_categories, 2))

    def fit_statistics(self, features: Tensor, labels: Tensor) -> None:
        """Take the features' mean, the motion's mean and deviation, and the categories' rarity."""
        self.input.fit_statistics(features)
        self.motar.ratio.fit_statistics(self.input(features))
        if self.settings.category.balance:
            self.target_weights.copy_(balancing_weights(labels))

    def parts(self, features: Tensor, labels: Tensor | None = None) -> Parts:
        """One pass over features (B, T, D); `labels` (B, C) only in training."""
        context = self.motar(self.input(features))
        core = self.core(context, self.scorer(context), labels)
        return Parts(context, core, self.scorer(core.refined))

    def forward(self, features: Tensor) -> Prediction:
        """Features (B, T, D) -> logits (B, T), category probabilities (B, C)."""
        parts = self.parts(features)
        return Prediction(parts.logits, category_probability(parts.core.category_logits))

    def losses(self, features: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """L_MIL, 0.1 L_GMM and 0.2 L_cat (the weights are the paper's, in `params.yaml`)."""
        settings = self.settings
        parts = self.parts(features, labels)
        mil = settings.mil
        gmm = self.gmm(
            parts.logits, parts.context, parts.core.weights, self.core.prototypes, labels
        )
        category = category_loss(parts.core.category_logits, labels, self.target_weights)
        return {
            "mil": mil_loss(
                parts.logits,
                labels.any(dim=1),
                kind=mil.kind,
                top_k=mil.top_k,
                margin=mil.margin,
            ),
            "gmm": settings.gmm.weight * gmm,
            "category": settings.category.weight * category,
        }
