"""CORE: category-oriented refinement (RefineVAD, equations 5 to 9)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.config import Core as Settings
from pipeline.losses.gmm import label_embedding
from pipeline.models.single_query_attention import SingleQueryAttention

MASKED = -1e4  # not -inf: a row that is masked throughout must stay finite


class CoreOutput(NamedTuple):
    """`refined` x^ca (B, T, H); `category_logits` z (B, C, 2); category `weights` w (B, C)."""

    refined: Tensor
    category_logits: Tensor
    weights: Tensor


def category_probability(logits: Tensor) -> Tensor:
    """p_c, softmax of normal against abnormal for each category: (B, C, 2) -> (B, C)."""
    return logits.softmax(dim=-1)[..., 1]


def category_weights(probability: Tensor, threshold: float, *, top: bool = False) -> Tensor:
    """w, softmax of p over the categories with p_c > threshold (equation 6): (B, C).

    A video above the threshold in no category gets zeros: it is normal by the absence of
    anomaly traits. With `top` the most probable of them alone counts: the hard classification
    that a row of the paper's ablation names, as we read it.
    """
    kept = probability > threshold  # (B, C)
    if top:
        highest = probability.argmax(dim=1, keepdim=True)  # (B, 1)
        kept = kept & (torch.arange(probability.shape[1], device=kept.device) == highest)
    weights = probability.masked_fill(~kept, MASKED).softmax(dim=-1)
    return weights * kept


class Core(nn.Module):
    """Classifies the video softly, and injects its categories' prototypes into its snippets.

    With injection `none` it only classifies, and the snippets stay as they are; it then has
    prototypes only where a loss is `smoothing` with them.
    """

    def __init__(
        self, *, width: int, n_categories: int, settings: Settings, smoothing: bool = False
    ) -> None:
        super().__init__()
        self.settings = settings
        self.classifier = nn.Linear(width, 2 * n_categories)
        self.prototypes: nn.Parameter | None = None
        if smoothing or settings.injection != "none":
            self.prototypes = nn.Parameter(torch.empty(n_categories, width))
            nn.init.normal_(self.prototypes, std=width**-0.5)
        self.attention: SingleQueryAttention | None = None
        self.norm: nn.LayerNorm | None = None
        if settings.injection != "none":
            self.attention = SingleQueryAttention(width, settings.heads, dropout=settings.dropout)
            nn.init.zeros_(self.attention.out_proj.weight)  # injection starts at nothing (ours)
            self.norm = nn.LayerNorm(width)

    def forward(
        self, context: Tensor, rough: Tensor, categories: Tensor | None = None
    ) -> CoreOutput:
        """Refine x^tc `context` (B, T, H), given rough logits (B, T).

        The true `categories` (B, C) in training only: their mean prototype joins the query with
        probability `label_probability` for each video (the paper always adds it).
        """
        pooling = (rough / self.settings.pool_temperature).softmax(dim=1)  # (B, T)
        video = (pooling[..., None] * context).sum(dim=1)  # (B, H)
        logits = self.classifier(video).view(len(video), -1, 2)  # (B, C, 2)
        weights = category_weights(
            category_probability(logits),
            self.settings.threshold,
            top=self.settings.classification == "top",
        )
        if self.attention is None or self.norm is None or self.prototypes is None:
            return CoreOutput(context, logits, weights)
        query = weights @ self.prototypes  # v, (B, H), equation 8
        injected = weights.any(dim=1)  # (B,)
        if categories is not None:
            chance = torch.rand(len(categories), device=categories.device)
            told = (chance < self.settings.label_probability) & categories.any(dim=1)  # (B,)
            query = query + told[:, None] * label_embedding(categories, self.prototypes)
            injected = injected | told
        addition = self._inject(self.attention, query, context)
        refined = self.norm(context + injected[:, None, None] * addition)
        return CoreOutput(refined, logits, weights)

    def _inject(self, attention: SingleQueryAttention, query: Tensor, context: Tensor) -> Tensor:
        """Cross-attention from one query a video to its snippets (equation 9): (B, T, H).

        One query attends to one vector; `broadcast` gives it to every snippet, `gated` scales it by
        the snippet's attention weight times T, so that the mean gate is 1 (both ours).
        """
        attended: Tensor  # (B, H)
        shares: Tensor  # (B, T)
        attended, shares = attention(query, context)
        if self.settings.injection == "broadcast":
            return attended[:, None].expand_as(context)
        return attended[:, None] * shares[..., None] * context.shape[1]
