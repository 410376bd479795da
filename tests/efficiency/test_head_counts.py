"""Parameters and operations of heads, against counts by hand."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from pipeline.efficiency import flops, head_counts
from pipeline.models.head import FeatureInput, FeatureLayout, Head, Inputs, Prediction, Targets
from pipeline.models.registry import build
from tests.models import toy

SHAPES = [
    (FeatureLayout({"image": 6, "text": 4}, ["Fire"], 16), 8, [8]),
    (FeatureLayout({"image": 48}, ["Fire", "Panic"], 32), 12, [6, 5]),
]


@pytest.mark.parametrize(("layout", "width", "hidden"), SHAPES)
def test_the_base_head_by_hand(layout: FeatureLayout, width: int, hidden: list[int]) -> None:
    scorer = {"hidden": hidden, "dropout": 0.0, "batch_norm": False}
    head = build("base", layout, toy.FEATURES, toy.base(width=width, scorer=scorer))
    found = head_counts.count(head, layout)
    t, d = layout.n_snippets, layout.width
    sizes = [width, *hidden, 1]
    scoring = sum(2 * t * before * after for before, after in pairwise(sizes))
    assert found["flops"]["per_video"] == 2 * t * d * width + scoring
    assert found["flops"]["parts"] == {"input": 0, "project": 2 * t * d * width, "scorer": scoring}
    weights = sum((b + 1) * after for b, after in pairwise(sizes))
    assert found["parameters"]["parts"] == {
        "input": 0,
        "project": (d + 1) * width,
        "scorer": weights,
    }


def test_attention_of_a_transformer_layer_is_counted_in_full() -> None:
    layout, h = toy.LAYOUT, 8
    head = build("refinevad", layout, toy.FEATURES, toy.refinevad(width=h))
    t, d = layout.n_snippets, layout.width
    predictor = 2 * t * (16 + 16 * 16 + 16)
    attention = 2 * t * h * 3 * h + 2 * t * h * h + 2 * (2 * t * t * h)  # in, out, both products
    forward = 2 * (2 * t * h * 2 * h)
    assert head_counts.count(head, layout)["flops"]["parts"]["motar"] == (
        predictor + 2 * t * d * h + attention + forward
    )


def test_parts_sum_to_the_total_and_the_smoothing_loss_is_apart() -> None:
    head = build("refinevad", toy.LAYOUT, toy.FEATURES, toy.refinevad())
    found = head_counts.count(head, toy.LAYOUT)
    sizes = found["parameters"]
    assert sizes["total"] == sum(sizes["parts"].values()) == sizes["trainable"]
    assert sizes["total"] == sum(parameter.numel() for parameter in head.parameters())
    assert list(sizes["parts"]) == ["input", "motar", "scorer", "core", "gmm"]
    assert sizes["training_only_parts"] == ["gmm"]
    assert sizes["training_only"] == sum(p.numel() for p in head.gmm.parameters()) > 0
    assert found["flops"]["parts"]["gmm"] == 0
    assert found["flops"]["per_video"] == sum(found["flops"]["parts"].values())


def test_a_head_without_categories() -> None:
    layout = FeatureLayout({"image": 6, "text": 4}, [], 16)
    head = build("refinevad", layout, toy.FEATURES, toy.refinevad())
    found = head_counts.count(head, layout)
    assert found["parameters"]["total"] == sum(p.numel() for p in head.parameters())
    with_three = head_counts.count(
        build("refinevad", toy.LAYOUT, toy.FEATURES, toy.refinevad()), toy.LAYOUT
    )
    fewer = 3 * (2 * (8 + 1) + 8)  # of each category: two rows of the classifier, a prototype
    lost = with_three["parameters"]["parts"]["core"] - found["parameters"]["parts"]["core"]
    assert lost == fewer


class OwnParameters(Head):
    """A frozen scale beside its children, of which two share a layer and one is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.input = FeatureInput(toy.LAYOUT, toy.FEATURES)
        self.scale = nn.Parameter(torch.ones(3), requires_grad=False)
        self.first = nn.Sequential(nn.Linear(10, 1))
        self.again = self.first[0]
        self.unused = nn.Linear(5, 1)

    def prepare(self, features: Tensor) -> Inputs:
        return (self.input(features),)

    def score(self, inputs: Inputs) -> Prediction:
        return Prediction(self.again(inputs[0]).squeeze(-1) * self.scale[0])

    def losses(self, inputs: Inputs, targets: Targets) -> dict[str, Tensor]:
        return {"unused": self.unused.weight.sum()}


def test_shared_direct_and_frozen_parameters_count_once_and_where_they_belong() -> None:
    sizes = head_counts.count(OwnParameters(), toy.LAYOUT)["parameters"]
    assert sizes["parts"] == {"input": 0, "first": 11, "again": 0, "unused": 6, "itself": 3}
    assert (sizes["total"], sizes["trainable"]) == (20, 17)
    assert sizes["training_only_parts"] == ["unused"]


def test_counting_leaves_torch_as_it_was() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    assert torch.backends.mha.get_fastpath_enabled()
    flops.of(lambda: layer(torch.zeros(1, 4, 8)), layer)
    with pytest.raises((AssertionError, RuntimeError)):
        flops.of(lambda: layer(torch.zeros(1, 4, 9)), layer)
    assert torch.backends.mha.get_fastpath_enabled()
