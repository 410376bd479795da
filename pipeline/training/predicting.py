"""What a head reads of many videos, and its scores of them."""

import torch
from torch import Tensor

from pipeline.models.head import Head, Inputs, Prediction, take

VIDEOS_AT_A_TIME = 256  # so that memory beside the result stays bounded


@torch.no_grad()
def prepare(head: Head, features: Tensor, device: torch.device) -> Inputs:
    """The head's inputs of features (N, T, D), wherever they lie, on `device`."""
    whole: list[Tensor] = []
    for first in range(0, len(features), VIDEOS_AT_A_TIME):
        parts = head.prepare(features[first : first + VIDEOS_AT_A_TIME].to(device))
        if not whole:
            whole = [part.new_empty(len(features), *part.shape[1:]) for part in parts]
        for filled, part in zip(whole, parts, strict=True):
            filled[first : first + len(part)] = part
    return tuple(whole)


@torch.no_grad()
def predict_prepared(head: Head, inputs: Inputs) -> Prediction:
    """The head's logits of N prepared videos, on the CPU; in eval mode."""
    head.eval()
    numbers = torch.arange(len(inputs[0]), device=inputs[0].device)
    found = [head.score(take(inputs, some)) for some in torch.split(numbers, VIDEOS_AT_A_TIME)]
    category = [part.category_logits for part in found if part.category_logits is not None]
    return Prediction(
        torch.cat([part.logits for part in found]).cpu(),
        torch.cat(category).cpu() if category else None,
    )


def predict(head: Head, features: Tensor, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Snippet scores (N, T) in [0, 1] and category probabilities (N, C) or None, on the CPU."""
    prediction = predict_prepared(head, prepare(head, features, device))
    return prediction.logits.sigmoid(), prediction.category_prob
