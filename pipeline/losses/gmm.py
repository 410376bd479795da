"""Gaussian-mixture smoothing of a video's scores over time (RefineVAD, L_GMM).

Neither RefineVAD nor LEC-VAD, which it follows, prints the equations, so this is our reading:
each category places one Gaussian on the time axis, the category weights mix them, and
the scores of an abnormal video are pulled towards that mixture at the video's own score
level; a normal video's towards zero. Mean and variance over segments, which is what the paper
names, do not change when segments are permuted and cannot place anything in time; `anchor`
adds an attention over snippets that can. `anchor=False` is the literal reading, kept as a control.
"""

import math

import torch
from torch import Tensor, nn

from pipeline.losses.mil import default_top_k, topk_mean

EPSILON = 1e-6
KEY_WIDTH = 32


class GmmSmoothing(nn.Module):
    """Predicts a Gaussian per video and category; gives the smoothing loss.

    `width` H is that of the contextual features and of the prototypes (C, H).
    """

    def __init__(self, *, width: int, hidden: int, anchor: bool) -> None:
        super().__init__()
        self.anchor = anchor
        self.norm_mean, self.norm_variance = nn.LayerNorm(width), nn.LayerNorm(width)
        last = nn.Linear(hidden, 2)
        nn.init.zeros_(last.weight)  # every Gaussian starts at its anchor
        nn.init.zeros_(last.bias)
        self.offsets = nn.Sequential(nn.Linear(4 * width, hidden), nn.GELU(), last)
        if anchor:
            self.query = nn.Linear(2 * width, KEY_WIDTH, bias=False)
            self.key = nn.Linear(width, KEY_WIDTH, bias=False)

    def gaussians(self, context: Tensor, embedding: Tensor, prototypes: Tensor) -> Tensor:
        """Mean and deviation, in shares of the video, of each category's Gaussian: (B, C, 2).

        `context` (B, T, H), `embedding` v (B, H), `prototypes` E (C, H).
        """
        batch, n_snippets, _ = context.shape
        categories = prototypes.expand(batch, -1, -1)  # (B, C, H)
        log_variance = context.var(dim=1, correction=0).add(EPSILON).log()
        video = torch.cat(
            [
                self.norm_mean(context.mean(dim=1)),
                self.norm_variance(log_variance.clamp(-14, 14)),
                embedding,
            ],
            dim=-1,
        )  # (B, 3H)
        video = video[:, None].expand(-1, len(prototypes), -1)
        shift, scale = self.offsets(torch.cat([video, categories], dim=-1)).unbind(-1)  # (B, C)
        shortest = 1 / n_snippets
        if not self.anchor:
            share = scale.sigmoid()
            return torch.stack([shift.sigmoid(), shortest ** (1 - share) * 0.5**share], dim=-1)
        centre, spread = self._anchors(context, embedding, categories)
        mean = (centre + 0.25 * shift.tanh()).clamp(0, 1)
        deviation = (spread * scale.tanh().exp()).clamp(shortest, 0.5)
        return torch.stack([mean, deviation], dim=-1)

    def _anchors(
        self, context: Tensor, embedding: Tensor, categories: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Where in time each category attends, and how widely: two of (B, C)."""
        query = torch.cat([embedding[:, None].expand_as(categories), categories], dim=-1)
        logits = self.query(query) @ self.key(context).transpose(1, 2) / math.sqrt(KEY_WIDTH)
        attention = logits.softmax(dim=-1)  # (B, C, T)
        time = _times(context)  # (T,)
        centre = attention @ time  # (B, C)
        variance = (attention * (time - centre[..., None]) ** 2).sum(dim=-1)
        return centre, (variance + EPSILON).sqrt()

    def forward(
        self,
        logits: Tensor,
        context: Tensor,
        weights: Tensor,
        prototypes: Tensor,
        abnormal: Tensor,
        categories: Tensor,
    ) -> Tensor:
        """The loss, a scalar: mean over videos and snippets of (score - target) squared.

        `logits` (B, T), `context` (B, T, H), predicted category `weights` (B, C), `prototypes`
        (C, H), `abnormal` (B,) bool, `categories` (B, C) multi-hot. An abnormal video of which no
        category is known or predicted has no target and does not count. Gradients reach the scores,
        the Gaussians and the prototypes; not the target's level, which is stopped so that the loss
        is about shape.
        """
        scores = logits.sigmoid()  # (B, T)
        mixed = mixing_weights(weights, abnormal, categories)  # (B, C)
        embedding = mixed @ prototypes + label_embedding(categories, prototypes)  # (B, H)
        mean, deviation = self.gaussians(context, embedding, prototypes).unbind(-1)
        distance = _times(context) - mean[..., None]  # (B, C, T)
        kernels = torch.exp(-(distance**2) / (2 * deviation[..., None] ** 2))
        mixture = (mixed[..., None] * kernels).sum(dim=1)  # (B, T)
        shape = mixture / (mixture.amax(dim=1, keepdim=True) + EPSILON)
        level = topk_mean(scores, default_top_k(scores.shape[1])).detach()
        target = shape * level[:, None]  # zero for normal videos, which mix nothing
        squares = ((scores - target) ** 2).mean(dim=1)  # (B,)
        counted = mixed.any(dim=1) | ~abnormal
        return (squares * counted).sum() / counted.sum().clamp(min=1)


def mixing_weights(weights: Tensor, abnormal: Tensor, categories: Tensor) -> Tensor:
    """Category weights of the mixture (B, C): half predicted, half the video's own categories.

    Rows of abnormal videos sum to 1, unless no category is known or predicted; normal videos,
    which place no mixture, get zeros.
    """
    own = categories / categories.sum(dim=1, keepdim=True).clamp(min=1)
    mixed = 0.5 * weights + 0.5 * own
    mixed = mixed / mixed.sum(dim=1, keepdim=True).clamp(min=EPSILON)
    return mixed * abnormal[:, None]


def label_embedding(categories: Tensor, prototypes: Tensor) -> Tensor:
    """Mean prototype of each video's true categories (B, H); zero for a video without."""
    share = categories / categories.sum(dim=1, keepdim=True).clamp(min=1)  # (B, C)
    return share @ prototypes


def _times(context: Tensor) -> Tensor:
    """Snippet centres as shares of the video, (t + 0.5) / T: (T,)."""
    n_snippets = context.shape[1]
    steps = torch.arange(n_snippets, device=context.device, dtype=context.dtype)
    return (steps + 0.5) / n_snippets
