"""CORE: category-oriented refinement (RefineVAD, equations 5 to 9)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.config import Core as Settings
from pipeline.losses.gmm import label_embedding

MASKED = -1e4  # not -inf: a row that is masked throughout must stay finite


class CoreOutput(NamedTuple):
    """`refined` x^ca (B, T, H); `category_logits` z (B, C, 2); category `weights` w (B, C)."""

    refined: Tensor
    category_logits: Tensor
    weights: Tensor


def category_probability(logits: Tensor) -> Tensor:
    """p_c, softmax of normal against abnormal for each category: (B, C, 2) -> (B, C)."""
    return logits.softmax(dim=-1)[..., 1]


def category_weights(probability: Tensor, threshold: float) -> Tensor:
    """w, softmax of p over the categories with p_c > threshold (equation 6): (B, C).

    A video above the threshold in no category gets zeros: it is normal by the absence of
    anomaly traits.
    """
    kept = probability > threshold  # (B, C)
    weights = probability.masked_fill(~kept, MASKED).softmax(dim=-1)
    return weights * kept


class Core(nn.Module):
    """Classifies the video softly, and injects its categories' prototypes into its snippets."""

    def __init__(self, *, width: int, n_categories: int, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.classifier = nn.Linear(width, 2 * n_categories)
        self.prototypes = nn.Parameter(torch.empty(n_categories, width))
        nn.init.normal_(self.prototypes, std=width**-0.5)
        self.attention = nn.MultiheadAttention(
            width, settings.heads, dropout=settings.dropout, batch_first=True
        )
        nn.init.zeros_(self.attention.out_proj.weight)  # injection starts at nothing (ours)
        self.norm = nn.LayerNorm(width)

    def forward(self, context: Tensor, rough: Tensor, labels: Tensor | None = None) -> CoreOutput:
        """Refine x^tc `context` (B, T, H), given rough logits (B, T).

        `labels` (B, C), in training only: the true categories' mean prototype joins the query with
        probability `label_probability` for each video (the paper always adds it).
        """
        pooling = (rough / self.settings.pool_temperature).softmax(dim=1)  # (B, T)
        video = (pooling[..., None] * context).sum(dim=1)  # (B, H)
        logits = self.classifier(video).view(len(video), -1, 2)  # (B, C, 2)
        weights = category_weights(category_probability(logits), self.settings.threshold)
        query = weights @ self.prototypes  # v, (B, H), equation 8
        injected = weights.any(dim=1)  # (B,)
        if labels is not None:
            told = torch.rand(len(labels), device=labels.device) < self.settings.label_probability
            told = told & labels.any(dim=1)
            query = query + told[:, None] * label_embedding(labels, self.prototypes)
            injected = injected | told
        refined = self.norm(context + injected[:, None, None] * self._inject(query, context))
        return CoreOutput(refined, logits, weights)

    def _inject(self, query: Tensor, context: Tensor) -> Tensor:
        """Cross-attention from one query a video to its snippets (equation 9): (B, T, H).

        One query attends to one vector; `broadcast` gives it to every snippet, `gated` scales it by
        the snippet's attention weight times T, so that the mean gate is 1 (both ours).
        """
        attended: Tensor  # (B, 1, H)
        attention: Tensor  # (B, 1, T)
        attended, attention = self.attention(query[:, None], context, context)
        if self.settings.injection == "broadcast":
            return attended.expand_as(context)
        return attended * attention.transpose(1, 2) * context.shape[1]
