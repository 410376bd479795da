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
from pipeline.models.core import Core, CoreOutput
from pipeline.models.head import FeatureInput, FeatureLayout, Head, Inputs, Prediction, Targets
from pipeline.models.motar import Motar
from pipeline.models.motion import log_motion
from pipeline.models.scorer import Scorer

VIDEOS_AT_A_TIME = 256  # in `fit_statistics`, which sees all training videos


class Parts(NamedTuple):
    """A forward pass: x^tc (B, T, H), what CORE made of it, and the final logits (B, T)."""

    context: Tensor
    core: CoreOutput | None
    logits: Tensor


class RefineVad(Head):
    """features -> MoTAR -> rough scores -> CORE -> scores by the same scorer.

    Sharing the scorer, both passes also feed one set of batch-normalisation statistics. Parts
    that the settings leave out are not built: without injection the rough scores are the scores,
    and without any use of categories (see `RefineVadHead.uses_categories`) there is no CORE.
    """

    target_weights: Tensor

    def __init__(self, layout: FeatureLayout, features: Features, settings: RefineVadHead) -> None:
        super().__init__()
        self.settings = settings
        width, n_categories = settings.width, len(layout.categories)
        self.input = FeatureInput(layout, features)
        self.motar = Motar(
            widths=list(layout.widths.values()),
            width=width,
            n_snippets=layout.n_snippets,
            settings=settings.motar,
        )
        self.scorer = Scorer(width, settings.scorer)
        self.core: Core | None = None
        self.gmm: GmmSmoothing | None = None
        smoothing = settings.gmm.weight > 0
        if settings.uses_categories:
            self.core = Core(
                width=width,
                n_categories=n_categories,
                settings=settings.core,
                smoothing=smoothing,
            )
        if smoothing:
            self.gmm = GmmSmoothing(
                width=width, hidden=settings.gmm.hidden, anchor=settings.gmm.anchor
            )
        self.register_buffer("target_weights", torch.ones(n_categories, 2))

    def fit_statistics(self, features: Tensor, targets: Targets) -> None:
        """Take the features' mean, the motion's mean and deviation, and the categories' rarity."""
        self.input.fit_statistics(features)
        if self.motar.ratio is not None:
            parts = [self.prepare(some)[1] for some in torch.split(features, VIDEOS_AT_A_TIME)]
            self.motar.ratio.fit_statistics(torch.cat(parts))
        if self.settings.category.balance:
            known = targets.categories.any(dim=1) | ~targets.abnormal  # those the loss counts
            self.target_weights.copy_(balancing_weights(targets.categories[known]))

    def prepare(self, features: Tensor) -> Inputs:
        """The normalised features (N, T, D), and the logarithm of their motion (N, T)."""
        normalised = self.input(features)
        return normalised, log_motion(normalised)

    def parts(self, inputs: Inputs, categories: Tensor | None = None) -> Parts:
        """One pass over the inputs of B videos; the true `categories` (B, C) only in training."""
        context = self.motar(*inputs)
        rough = self.scorer(context)
        if self.core is None:
            return Parts(context, None, rough)
        core = self.core(context, rough, categories)
        refines = self.settings.core.injection != "none"
        return Parts(context, core, self.scorer(core.refined) if refines else rough)

    def score(self, inputs: Inputs) -> Prediction:
        """Logits (B, T), category logits (B, C, 2)."""
        parts = self.parts(inputs)
        return Prediction(parts.logits, None if parts.core is None else parts.core.category_logits)

    def losses(self, inputs: Inputs, targets: Targets) -> dict[str, Tensor]:
        """L_MIL, 0.1 L_GMM and 0.2 L_cat (the weights are the paper's, in `params.yaml`).

        A term of weight 0 is left out.
        """
        settings, mil = self.settings, self.settings.mil
        parts = self.parts(inputs, targets.categories)
        terms = {
            "mil": mil_loss(
                parts.logits,
                targets.abnormal,
                kind=mil.kind,
                top_k=mil.top_k,
                margin=mil.margin,
            )
        }
        if self.core is None or parts.core is None:
            return terms
        if self.gmm is not None:
            weights, prototypes = parts.core.weights, self.core.prototypes
            smoothing = self.gmm(parts.logits, parts.context, weights, prototypes, *targets)
            terms["gmm"] = settings.gmm.weight * smoothing
        if settings.category.weight > 0:
            category = category_loss(parts.core.category_logits, *targets, self.target_weights)
            terms["category"] = settings.category.weight * category
        return terms
