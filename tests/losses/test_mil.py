"""Top-k MIL by hand and against a loop."""

import math
from typing import Literal

import pytest
import torch
from torch import Tensor

from pipeline.losses.mil import default_top_k, mil_loss, topk_mean

KINDS: tuple[Literal["bce", "hinge"], ...] = ("bce", "hinge")


def logit(*probabilities: float) -> list[float]:
    return [math.log(p / (1 - p)) for p in probabilities]


def videos(batch: int, n_snippets: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(batch, n_snippets, generator=generator, dtype=torch.float64)
    return logits, torch.arange(batch) % 2 == 1


def plain_mil(logits: Tensor, abnormal: Tensor, kind: str, k: int, margin: float) -> float:
    bags = []
    for row in logits.tolist():
        scores = sorted((1 / (1 + math.exp(-z)) for z in row), reverse=True)
        bags.append(sum(scores[:k]) / k)
    flags = abnormal.tolist()
    if kind == "bce":
        terms = [-math.log(b if y else 1 - b) for b, y in zip(bags, flags, strict=True)]
    else:
        terms = [
            max(0.0, margin - high + low)
            for high, up in zip(bags, flags, strict=True)
            for low, other in zip(bags, flags, strict=True)
            if up and not other
        ]
    return sum(terms) / len(terms)


def test_default_k() -> None:
    table = {1: 1, 15: 1, 16: 2, 31: 2, 32: 3, 47: 3, 48: 4, 200: 13}
    assert {n: default_top_k(n) for n in table} == table


def test_topk_mean_by_hand() -> None:
    values = torch.tensor([[1.0, 4.0, 2.0, 3.0], [0.0, 0.0, 8.0, 0.0]])
    assert topk_mean(values, 1).tolist() == [4, 8]
    assert topk_mean(values, 2).tolist() == [3.5, 4]
    assert topk_mean(values, 4).tolist() == [2.5, 2]


def test_bce_by_hand() -> None:
    logits = torch.tensor([logit(0.8, 0.1, 0.6, 0.2), logit(0.1, 0.3, 0.1, 0.1)])
    abnormal = torch.tensor([True, False])
    top_1 = -(math.log(0.8) + math.log(0.7)) / 2
    top_2 = -(math.log(0.7) + math.log(0.8)) / 2
    assert mil_loss(logits, abnormal).item() == pytest.approx(top_1, abs=1e-6)
    assert mil_loss(logits, abnormal, top_k=2).item() == pytest.approx(top_2, abs=1e-6)


def test_bce_of_bags_near_their_ends() -> None:
    logits = torch.tensor([logit(0.999), logit(0.0001)])
    right = mil_loss(logits, torch.tensor([True, False])).item()
    assert right == pytest.approx(-(math.log(0.999) + math.log(0.9999)) / 2, rel=1e-3)
    wrong = mil_loss(logits, torch.tensor([False, True])).item()
    assert wrong == pytest.approx(-(math.log(0.001) + math.log(0.0001)) / 2, rel=1e-3)


def test_hinge_by_hand() -> None:
    logits = torch.tensor([logit(p, 0.01) for p in (0.9, 0.2, 0.6, 0.5)])
    abnormal = torch.tensor([True, False, True, False])
    # gaps 0.7, 0.4, 0.4, 0.1
    loss = mil_loss(logits, abnormal, kind="hinge")
    assert loss.item() == pytest.approx((0.3 + 0.6 + 0.6 + 0.9) / 4, abs=1e-6)
    loss = mil_loss(logits, abnormal, kind="hinge", margin=0.5)
    assert loss.item() == pytest.approx((0 + 0.1 + 0.1 + 0.4) / 4, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n_snippets", "top_k"), [(32, None), (32, 5), (7, None), (4, 4)])
def test_against_a_loop(kind: Literal["bce", "hinge"], n_snippets: int, top_k: int | None) -> None:
    logits, abnormal = videos(7, n_snippets)
    found = mil_loss(logits, abnormal, kind=kind, top_k=top_k, margin=0.4).item()
    k = top_k or {32: 3, 7: 1}[n_snippets]
    assert found == pytest.approx(plain_mil(logits, abnormal, kind, k, 0.4), abs=1e-9)


@pytest.mark.parametrize("abnormal", [[True, True], [False, False]])
def test_hinge_of_one_class_is_zero_with_a_graph(abnormal: list[bool]) -> None:
    logits = torch.randn(2, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = mil_loss(logits, torch.tensor(abnormal), kind="hinge")
    assert loss.item() == 0
    torch.autograd.backward(loss)
    assert logits.grad is not None
    assert logits.grad.tolist() == [[0.0] * 4] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_right_and_reaches_the_top_k_alone(kind: Literal["bce", "hinge"]) -> None:
    logits, abnormal = videos(4, 6)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda z: mil_loss(z, abnormal, kind=kind, top_k=2, margin=2.0), logits
    )
    torch.autograd.backward(mil_loss(logits, abnormal, kind=kind, top_k=2, margin=2.0))
    assert logits.grad is not None
    for row, gradient, up in zip(logits, logits.grad, abnormal, strict=True):
        top = set(row.topk(2).indices.tolist())
        assert set(torch.nonzero(gradient).flatten().tolist()) == top
        assert (gradient[list(top)] < 0).all() == up  # an abnormal video's top is pushed up


def test_loss_of_a_batch_is_the_mean_of_its_videos() -> None:
    logits, abnormal = videos(5, 32)
    alone = [mil_loss(logits[i : i + 1], abnormal[i : i + 1]).item() for i in range(5)]
    assert mil_loss(logits, abnormal).item() == pytest.approx(sum(alone) / 5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [30.0, 300.0])
def test_finite_for_certain_scores(kind: Literal["bce", "hinge"], size: float) -> None:
    logits = torch.tensor([[size] * 4, [-size] * 4, [size] * 4, [-size] * 4]).requires_grad_()
    loss = mil_loss(logits, torch.tensor([True, True, False, False]), kind=kind)
    torch.autograd.backward(loss)
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
