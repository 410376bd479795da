"""Soft category classification against a loop; balancing weights by hand."""

import math

import pytest
import torch
from torch import Tensor

from pipeline.losses.category import balancing_weights, category_loss
from tests.models.toy import multi_hot, normal

LOGITS = 2 * normal(4, 3, 2, dtype=torch.float64)
LABELS = multi_hot("010", "000", "110", "001").double()
ABNORMAL = LABELS.any(dim=1)
WEIGHTS = torch.tensor([[1.0, 2.0], [0.5, 3.0], [1.5, 0.1]], dtype=torch.float64)


def plain_loss(logits: Tensor, labels: Tensor, weights: Tensor | None) -> float:
    terms: list[float] = []
    for video in range(len(logits)):
        for category in range(logits.shape[1]):
            pair = logits[video, category].tolist()
            target = int(labels[video, category])
            loss = math.log(math.exp(pair[0]) + math.exp(pair[1])) - pair[target]
            weight = 1.0 if weights is None else float(weights[category, target])
            terms.append(weight * loss)
    return sum(terms) / len(terms)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_against_a_loop(weights: Tensor | None) -> None:
    found = category_loss(LOGITS, ABNORMAL, LABELS, weights).item()
    assert found == pytest.approx(plain_loss(LOGITS, LABELS, weights), abs=1e-12)


def test_an_abnormal_video_of_unknown_category_does_not_count_by_hand() -> None:
    # of three videos the normal one (log 4) and the labelled one (log 2) count
    logits = torch.tensor([[[0.0, math.log(3)]], [[5.0, -5.0]], [[1.0, 1.0]]])
    loss = category_loss(logits, torch.tensor([False, True, True]), multi_hot("0", "0", "1"))
    assert loss.item() == pytest.approx((math.log(4) + math.log(2)) / 2, abs=1e-6)


def test_by_hand() -> None:
    # p(abnormal) = 3/4 for a true category, 1/2 for a false one.
    logits = torch.tensor([[[0.0, math.log(3)], [1.0, 1.0]]])
    loss = category_loss(logits, torch.tensor([True]), torch.tensor([[1.0, 0.0]]))
    assert loss.item() == pytest.approx((math.log(4 / 3) + math.log(2)) / 2, abs=1e-6)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_gradient_is_right_and_videos_stay_apart(weights: Tensor | None) -> None:
    logits = LOGITS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: category_loss(z, ABNORMAL, LABELS, weights), logits)
    alone = [
        category_loss(LOGITS[i : i + 1], ABNORMAL[i : i + 1], LABELS[i : i + 1], weights).item()
        for i in range(4)
    ]
    assert category_loss(LOGITS, ABNORMAL, LABELS, weights).item() == pytest.approx(sum(alone) / 4)


def test_finite_for_certain_logits() -> None:
    logits = torch.tensor([[[30.0, -30.0], [-30.0, 30.0]]]).requires_grad_()
    loss = category_loss(logits, torch.tensor([True]), torch.tensor([[1.0, 1.0]]))
    assert loss.item() == pytest.approx(30)  # (60 + 0) / 2
    torch.autograd.backward(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize(
    ("n_videos", "n_positive", "expected"),
    [
        (10, 2, 2.0),  # sqrt(8 / 2)
        (10, 5, 1.0),
        (10, 8, 0.5),
        (10, 10, 0.1),  # sqrt(0), held at 1 / 10
        (10, 0, 10**0.5),  # none: as if one
        (200, 1, 10.0),  # sqrt(199), held at 10
    ],
)
def test_balancing_weights_by_hand(n_videos: int, n_positive: int, expected: float) -> None:
    labels = torch.zeros(n_videos, 2)
    labels[:n_positive, 0] = 1
    labels[: n_videos // 2, 1] = 1
    found = balancing_weights(labels)
    assert found.shape == (2, 2)
    assert found[0].tolist() == pytest.approx([1.0, expected])
    assert found[1].tolist() == [1, 1]
