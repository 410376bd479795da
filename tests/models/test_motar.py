"""MoTAR as a whole: what reaches what, and what remains when parts are left out."""

from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from pipeline.config import Motar as Settings
from pipeline.models.motar import Motar
from pipeline.models.motion import log_motion
from tests.models.toy import REFINEVAD, normal, perturb

Shift = Literal["floor", "straight_through", "soft"]
WIDTHS = [6, 4]
SHIFTS: tuple[Shift, ...] = ("floor", "straight_through", "soft")


def settings(**changes: Any) -> Settings:
    return Settings.model_validate({**REFINEVAD["motar"], **changes})


@pytest.mark.parametrize("shift", SHIFTS)
def test_only_floor_keeps_the_gradient_from_the_predictor(shift: Shift) -> None:
    torch.manual_seed(0)
    motar = Motar(widths=WIDTHS, width=8, n_snippets=5, settings=settings(shift=shift))
    perturb(motar)
    features = normal(3, 5, 10)
    (motar(features, log_motion(features)) * normal(3, 5, 8, seed=1)).sum().backward()
    for name, parameter in motar.ratio.named_parameters():
        reached = parameter.grad is not None and bool((parameter.grad != 0).any())
        assert reached == (shift != "floor"), name
    assert motar.project.weight.grad is not None


def _motar(**changes: Any) -> Motar:
    torch.manual_seed(0)
    return Motar(widths=WIDTHS, width=8, n_snippets=9, settings=settings(**changes)).eval()


def contexts(motar: Motar, features: Tensor) -> Tensor:
    """x^tc of features and their motion."""
    found: Tensor = motar(features, log_motion(features))
    return found


def test_untrained_motar_looks_no_further_than_the_neighbours() -> None:
    motar = _motar(layers=2)
    with torch.no_grad():
        motar.ratio.get_parameter("layers.4.bias").fill_(3.0)  # shift much
    features = normal(1, 9, 10)
    moved = features.clone()
    moved[0, 4] += normal(10, seed=1)

    def changed() -> list[bool]:
        difference = (contexts(motar, features) - contexts(motar, moved)).abs().amax(dim=-1)[0]
        return [value > 1e-5 for value in difference.tolist()]

    # x_4 also sets the motion, so the amount of shift, of snippet 5 and none beyond.
    assert changed() == [t in (3, 4, 5) for t in range(9)]
    perturb(motar)
    assert changed() == [True] * 9


def plain_norm(motar: Motar, rows: Tensor) -> Tensor:
    centred = rows - rows.mean(dim=-1, keepdim=True)
    scale = (centred.pow(2).mean(dim=-1, keepdim=True) + 1e-5).sqrt()
    return centred / scale * motar.norm.weight + motar.norm.bias


def test_without_layers_only_shift_projection_and_norm_remain() -> None:
    motar = _motar(layers=0)
    perturb(motar)
    features = normal(2, 9, 10)
    shifted = motar.shift(features, motar.ratio(log_motion(features)))
    rows = shifted @ motar.project.weight.T + motar.project.bias
    torch.testing.assert_close(contexts(motar, features), plain_norm(motar, rows))


def test_without_shift_and_layers_only_projection_and_norm_remain() -> None:
    motar = _motar(layers=0, shift="none")
    perturb(motar)
    features = normal(2, 9, 10)
    rows = features @ motar.project.weight.T + motar.project.bias
    found = motar(features, torch.full((2, 9), float("nan")))  # motion is not read
    torch.testing.assert_close(found, plain_norm(motar, rows))


def test_with_layers_each_snippet_has_its_place() -> None:
    """The position is added before the layers: nothing else tells equal snippets apart."""
    motar = _motar(layers=1, shift="none")
    features = normal(1, 1, 10).expand(1, 9, 10)
    assert contexts(motar, features)[0].std(dim=0).max() < 1e-6
    with torch.no_grad():
        motar.position.copy_(normal(9, 8, seed=1))
    rows = features @ motar.project.weight.T + motar.project.bias + motar.position
    torch.testing.assert_close(contexts(motar, features), plain_norm(motar, rows))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"ratio", "project", "position", "layers", "norm"}),
        ({"shift": "floor"}, {"ratio", "project", "position", "layers", "norm"}),
        ({"shift": "none"}, {"project", "position", "layers", "norm"}),
        ({"layers": 0}, {"ratio", "project", "norm"}),
        ({"shift": "none", "layers": 0}, {"project", "norm"}),
    ],
)
def test_parts_left_out_are_not_there(changes: dict[str, Any], expected: set[str]) -> None:
    """Neither parameters nor statistics of them."""
    state = _motar(**changes).state_dict()
    assert {name.split(".")[0] for name in state} == expected


def test_number_of_layers() -> None:
    names = [name for name, _ in _motar(layers=3).named_parameters()]
    assert {name.split(".")[1] for name in names if name.startswith("layers")} == {"0", "1", "2"}


def test_branches_start_at_zero() -> None:
    with_layer, without = _motar(layers=1), _motar(layers=0)
    without.load_state_dict(with_layer.state_dict(), strict=False)
    features = normal(2, 9, 10)
    torch.testing.assert_close(contexts(with_layer, features), contexts(without, features))


def test_context_is_the_same_with_and_without_autograd() -> None:
    motar = _motar(layers=2)
    perturb(motar)
    features = normal(3, 9, 10)
    tracked = contexts(motar, features)
    with torch.no_grad():
        torch.testing.assert_close(contexts(motar, features), tracked, atol=1e-5, rtol=1e-5)
