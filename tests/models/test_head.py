"""What heads share: normalised input, the scorer, the registry; and the base head."""

import math
from typing import Literal

import pytest
import torch

from pipeline.config import Features
from pipeline.config import Scorer as ScorerSettings
from pipeline.losses.mil import mil_loss
from pipeline.models.base import BaseHead
from pipeline.models.head import FeatureInput, FeatureLayout, Prediction, Targets, take
from pipeline.models.refinevad import RefineVad
from pipeline.models.registry import HEADS, build
from pipeline.models.scorer import Scorer
from tests.models.toy import FEATURES, LAYOUT, base, make, multi_hot, normal, perturb, refinevad

PAIR = FeatureLayout({"image": 2, "text": 1}, ["Fire"], 2)


def feature_input(center: bool, normalise: Literal["l2", "none"]) -> FeatureInput:
    settings = Features(modalities=["image", "text"], center=center, normalise=normalise)
    return FeatureInput(PAIR, settings)


TRAINING = torch.tensor([[[1.0, 2.0, 1.0], [1.0, 0.0, 3.0]]])  # mean (1, 1, 2)
VIDEO = torch.tensor([[[4.0, 5.0, 0.0], [1.0, 1.0, 2.0]]])


@pytest.mark.parametrize(
    ("center", "normalise", "expected"),
    [
        (True, "l2", [[0.6, 0.8, -1.0], [0.0, 0.0, 0.0]]),
        (True, "none", [[3.0, 4.0, -2.0], [0.0, 0.0, 0.0]]),
        (False, "l2", [[4 / math.sqrt(41), 5 / math.sqrt(41), 0.0], [0.5**0.5, 0.5**0.5, 1.0]]),
        (False, "none", [[4.0, 5.0, 0.0], [1.0, 1.0, 2.0]]),
    ],
)
def test_input_by_hand(
    center: bool, normalise: Literal["l2", "none"], expected: list[list[float]]
) -> None:
    module = feature_input(center, normalise)
    module.fit_statistics(TRAINING)
    torch.testing.assert_close(module(VIDEO), torch.tensor([expected]))


def test_mean_is_of_the_training_features_and_travels_with_the_weights() -> None:
    module = feature_input(True, "l2")
    module.fit_statistics(TRAINING)
    module.train()(VIDEO)
    assert module.state_dict()["mean"].tolist() == [1, 1, 2]


def test_targets() -> None:
    targets = Targets.of(multi_hot("010", "000", "110"))
    assert targets.abnormal.tolist() == [True, False, True]
    unknown = Targets(torch.tensor([True, False, True]), multi_hot("000", "000", "011"))
    chosen = unknown.take(torch.tensor([2, 0]))
    assert chosen.abnormal.tolist() == [True, True]
    assert chosen.categories.tolist() == [[0, 1, 1], [0, 0, 0]]
    moved = unknown.to(torch.device("meta"))
    assert {part.device.type for part in moved} == {"meta"}
    assert isinstance(moved, Targets)


def test_inputs_are_taken_from_every_part() -> None:
    features, motion = take((normal(3, 2, 4), normal(3, 2, seed=1)), torch.tensor([2, 0]))
    assert features.equal(normal(3, 2, 4)[[2, 0]])
    assert motion.equal(normal(3, 2, seed=1)[[2, 0]])


def test_category_probability_is_of_the_abnormal_side() -> None:
    logits = torch.tensor([[[0.0, math.log(3)], [2.0, 2.0]]])
    probability = Prediction(torch.zeros(1, 2), logits).category_prob
    assert probability is not None
    assert probability[0].tolist() == pytest.approx([0.75, 0.5])


def test_layout_width() -> None:
    assert LAYOUT.width == 10


def test_scorer_layers_and_shape() -> None:
    settings = ScorerSettings(hidden=[5, 3], dropout=0.2, batch_norm=True)
    kinds = [type(layer).__name__ for layer in Scorer(4, settings).layers]
    hidden = ["Linear", "BatchNorm1d", "GELU", "Dropout"]
    assert kinds == [*hidden, *hidden, "Linear"]
    plain = Scorer(4, ScorerSettings(hidden=[], dropout=0.0, batch_norm=False))
    assert [type(layer).__name__ for layer in plain.layers] == ["Linear"]
    features = normal(2, 3, 4)
    linear = plain.layers[0]
    assert isinstance(linear, torch.nn.Linear)
    for b in range(2):
        for t in range(3):
            expected = (linear.weight[0] @ features[b, t] + linear.bias[0]).item()
            assert plain(features)[b, t].item() == pytest.approx(expected, abs=1e-6)


def test_registry_builds_each_head() -> None:
    assert set(HEADS) == {"base", "refinevad"}
    assert isinstance(build("base", LAYOUT, FEATURES, base()), BaseHead)
    assert isinstance(build("refinevad", LAYOUT, FEATURES, refinevad()), RefineVad)


def test_base_head_scores_each_snippet_by_itself() -> None:
    head = make(base()).eval()
    features = normal(3, 16, 10)
    logits, category_logits = head(features)
    assert category_logits is None
    assert head(features).category_prob is None
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(head(features[:, order]).logits, logits[:, order])


def test_base_head_loses_by_mil_alone() -> None:
    settings = base(mil={"kind": "hinge", "top_k": 5, "margin": 0.7})
    head = make(settings).eval()
    features, categories = normal(4, 16, 10), multi_hot("000", "010", "000", "000")
    abnormal = torch.tensor([False, True, False, True])  # the last one in an unknown way
    losses = head.losses(head.prepare(features), Targets(abnormal, categories))
    expected = mil_loss(head(features).logits, abnormal, kind="hinge", top_k=5, margin=0.7)
    assert set(losses) == {"mil"}
    torch.testing.assert_close(losses["mil"], expected)


@pytest.mark.parametrize("kind", ["bce", "hinge"])
def test_every_parameter_of_the_base_head_gets_a_gradient(kind: str) -> None:
    head = make(base(mil={"kind": kind}))
    perturb(head)
    inputs = head.prepare(normal(4, 16, 10))
    targets = Targets.of(multi_hot("000", "010", "000", "101"))
    torch.autograd.backward(sum(head.losses(inputs, targets).values(), torch.zeros(())))
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 1e-6, name


def test_input_dropout_is_on_in_training_only() -> None:
    head = make(base(input_dropout=0.5))
    features = normal(2, 16, 10)
    assert not head.train()(features).logits.equal(head(features).logits)
    assert head.eval()(features).logits.equal(head(features).logits)
