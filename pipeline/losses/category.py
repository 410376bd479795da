"""Soft category classification: normal or abnormal, for each category (RefineVAD, L_cat)."""

import torch
from torch import Tensor
from torch.nn import functional

MAX_WEIGHT = 10.0


def category_loss(
    logits: Tensor, abnormal: Tensor, categories: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Mean two-way cross-entropy of logits (B, C, 2) with target 1 where `categories` (B, C) hold.

    Over the videos whose categories are known: not those `abnormal` (B,) with none. `weights`
    (C, 2) optionally weighs each category's normal and abnormal targets.
    """
    target = categories.long()  # (B, C)
    loss = functional.cross_entropy(logits.movedim(-1, 1), target, reduction="none")  # (B, C)
    if weights is not None:
        columns = torch.arange(target.shape[1], device=target.device)
        loss = loss * weights[columns, target]
    known = categories.any(dim=1) | ~abnormal  # (B,)
    return (loss.mean(dim=1) * known).sum() / known.sum().clamp(min=1)


def balancing_weights(labels: Tensor) -> Tensor:
    """Weights (C, 2) from training labels (N, C): abnormal targets by the root of their rarity.

    A category of n_c among N videos gets sqrt((N - n_c) / n_c), at most `MAX_WEIGHT`; normal
    targets get 1. (The paper says "optional class weights" and gives no formula.)
    """
    positive = labels.float().sum(dim=0)  # (C,)
    rarity = (len(labels) - positive) / positive.clamp(min=1)
    abnormal = rarity.sqrt().clamp(1 / MAX_WEIGHT, MAX_WEIGHT)
    return torch.stack([torch.ones_like(abnormal), abnormal], dim=1)
