"""Our Transformer layer against PyTorch's with the same weights."""

from typing import Any

import pytest
import torch
from torch import nn

from pipeline.models.transformer import TransformerLayer
from tests.models.toy import normal, perturb

SETTINGS: dict[str, Any] = {
    "dim_feedforward": 24, "activation": "gelu", "batch_first": True, "norm_first": True,
}  # fmt: skip


def pair(dropout: float) -> tuple[TransformerLayer, nn.TransformerEncoderLayer]:
    torch.manual_seed(0)
    ours = TransformerLayer(12, 3, dropout=dropout, **SETTINGS).double()
    perturb(ours)
    theirs = nn.TransformerEncoderLayer(12, 3, dropout=dropout, **SETTINGS).double()
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize("training", [True, False])
def test_output_and_gradients_are_those_of_pytorch_s_layer(training: bool) -> None:
    found = []
    for layer in pair(0.0):
        layer.train(training)
        features = normal(5, 7, 12, dtype=torch.float64).requires_grad_()
        output = layer(features)
        (output * normal(5, 7, 12, seed=2, dtype=torch.float64)).sum().backward()
        found.append([output, features.grad, *(own.grad for own in layer.parameters())])
    for one, two in zip(*found, strict=True):
        assert one is not None
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-12)


def test_attention_drops_weights_as_pytorch_s_layer_does() -> None:
    """In training: the mean over draws is the undropped attention, the spread PyTorch's."""
    features = normal(1, 7, 12, dtype=torch.float64)
    plain, _ = pair(0.0)
    spreads = []
    for layer in pair(0.4):
        layer.train().dropout1.p = 0.0  # of the weights alone
        torch.manual_seed(0)
        with torch.no_grad():
            drawn = layer._sa_block(features.expand(4000, -1, -1), None, None)
            error = (drawn.mean(dim=0) - plain._sa_block(features, None, None)[0]).abs()
        assert (error < 6 * drawn.std(dim=0) / 4000**0.5).all()
        spreads.append(drawn.std(dim=0))
    torch.testing.assert_close(*spreads, rtol=0.1, atol=1e-3)


@pytest.mark.parametrize("part", ["dropout", "dropout1", "dropout2"])
def test_every_dropout_works_in_training_alone(part: str) -> None:
    layer, _ = pair(0.0)
    getattr(layer, part).p = 0.4
    features = normal(2, 7, 12, dtype=torch.float64)
    assert not layer.train()(features).equal(layer(features))
    assert layer.eval()(features).equal(layer(features))


def test_a_mask_is_refused() -> None:
    ours, _ = pair(0.0)
    with pytest.raises(ValueError, match="masks are not supported"):
        ours(normal(1, 2, 12, dtype=torch.float64), is_causal=True, src_mask=torch.zeros(2, 2))
