"""Top-k multiple-instance learning: a video's score is the mean of its k highest snippets."""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional


def default_top_k(n_snippets: int) -> int:
    """k = T // 16 + 1, the field's usual choice (3 at T = 32)."""
    return n_snippets // 16 + 1


def topk_mean(values: Tensor, k: int) -> Tensor:
    """Mean of the k largest values along time: (B, T) -> (B,)."""
    return values.topk(k, dim=1).values.mean(dim=1)


def mil_loss(
    logits: Tensor,
    abnormal: Tensor,
    *,
    kind: Literal["bce", "hinge"] = "bce",
    top_k: int | None = None,
    margin: float = 1.0,
) -> Tensor:
    """Top-k MIL loss of snippet logits (B, T) and video labels `abnormal` (B,) bool; a scalar.

    `bce`: binary cross-entropy of the bag score, the mean of the k highest snippet probabilities
    (VadCLIP, DSANet, RTFM's classification term). `hinge`: ranking loss over all pairs of an
    abnormal and a normal bag (Sultani et al., CVPR 2018, equation 3), 0 when either is absent.
    """
    k = top_k or default_top_k(logits.shape[1])
    if kind == "bce":
        highest = logits.topk(k, dim=1).values  # (B, k)
        signs = torch.where(abnormal, 1.0, -1.0)[:, None]
        # -log of the mean probability of the right label, without leaving log space
        log_right = functional.logsigmoid(signs * highest).logsumexp(dim=1) - math.log(k)  # (B,)
        return -log_right.mean()
    bags = topk_mean(logits.sigmoid(), k)  # (B,)
    pairs = abnormal[:, None] & ~abnormal[None, :]  # (B, B), abnormal by normal
    gaps = bags[:, None] - bags[None, :]
    return (torch.relu(margin - gaps) * pairs).sum() / pairs.sum().clamp(min=1)
