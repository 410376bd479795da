"""MoTAR against plain loops written from the paper's equations."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, pvariance, stdev
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from pipeline.config import Motar as Settings
from pipeline.models.motar import EPSILON, AdaptiveShift, Motar, ShiftRatio, motion_intensity
from tests.models.toy import REFINEVAD, normal, perturb

Shift = Literal["floor", "straight_through", "soft"]
WIDTHS = [6, 4]
SHIFTS: tuple[Shift, ...] = ("floor", "straight_through", "soft")


def settings(**changes: Any) -> Settings:
    return Settings.model_validate({**REFINEVAD["motar"], **changes})


def integers(batch: int, n_snippets: int, width: int) -> Tensor:
    """Distinct whole numbers: sums and differences of them are exact."""
    return torch.arange(1.0, 1 + batch * n_snippets * width).view(batch, n_snippets, width)


def plain_shift(
    x: list[list[float]], amounts: Sequence[Sequence[int]], widths: Sequence[int], edges: str
) -> list[list[float]]:
    """Equation 3 for one video; `amounts[t][m]` is s_t of channel group m."""
    last = len(x) - 1
    result: list[list[float]] = []
    for t, now in enumerate(x):
        nothing = [0.0] * len(now)
        before = x[t - 1] if t > 0 else (x[0] if edges == "replicate" else nothing)
        after = x[t + 1] if t < last else (x[last] if edges == "replicate" else nothing)
        row: list[float] = []
        for m, width in enumerate(widths):
            offset, s = sum(widths[:m]), amounts[t][m]
            for d in range(width):
                source = before if d < s else after if d < 2 * s else now
                row.append(source[offset + d])
        result.append(row)
    return result


@pytest.mark.parametrize("shift", ["floor", "straight_through"])
@pytest.mark.parametrize("edges", ["zero", "replicate"])
@pytest.mark.parametrize("s", range(6))
def test_shift_of_the_whole_vector_is_equation_3(s: int, edges: str, shift: Shift) -> None:
    module = AdaptiveShift(WIDTHS, settings(shift=shift, edges=edges, per_modality=False))
    features = integers(2, 4, 10)
    ratio = torch.full((2, 4), min((s + 0.5) / 5, 1.0))  # K = 2: s = floor(5 r)
    expected = [plain_shift(x, [[s]] * 4, [10], edges) for x in features.tolist()]
    torch.testing.assert_close(module(features, ratio), torch.tensor(expected))


@pytest.mark.parametrize("edges", ["zero", "replicate"])
@pytest.mark.parametrize("ratio", [0.1, 0.4, 0.6, 0.9, 1.0])
def test_shift_per_modality_is_equation_3_in_each(ratio: float, edges: str) -> None:
    module = AdaptiveShift(WIDTHS, settings(shift="floor", edges=edges))
    features = integers(1, 5, 10)
    amounts = [[math.floor(ratio * 3), math.floor(ratio * 2)]] * 5
    expected = plain_shift(features[0].tolist(), amounts, WIDTHS, edges)
    assert module(features, torch.full((1, 5), ratio)).tolist() == [expected]


@pytest.mark.parametrize("fold", [2, 3, 4])
def test_every_snippet_of_every_video_shifts_by_its_own_amount(fold: int) -> None:
    module = AdaptiveShift(WIDTHS, settings(shift="floor", fold=fold, per_modality=False))
    features = integers(3, 7, 10)
    ratio = torch.rand(3, 7, generator=torch.Generator().manual_seed(0))
    for x, shares, found in zip(features, ratio.tolist(), module(features, ratio), strict=True):
        amounts = [[math.floor(share * 10 / fold)] for share in shares]
        assert len({s for (s,) in amounts}) > 1
        assert found.tolist() == plain_shift(x.tolist(), amounts, [10], "zero")


def test_one_snippet_has_only_its_edges() -> None:
    features = integers(1, 1, 10)
    zero = AdaptiveShift(WIDTHS, settings(shift="floor", per_modality=False))
    assert zero(features, torch.full((1, 1), 0.5))[0, 0].tolist() == [0.0] * 4 + [5, 6, 7, 8, 9, 10]
    replicate = AdaptiveShift(WIDTHS, settings(shift="floor", edges="replicate"))
    assert replicate(features, torch.full((1, 1), 0.9)).equal(features)


def test_soft_masks_are_differences_of_sigmoids() -> None:
    module = AdaptiveShift(WIDTHS, settings(shift="soft", temperature=0.3))
    ratio = torch.tensor([[0.2, 0.9]])
    previous, following = module.masks(ratio)
    for t, share in enumerate([0.2, 0.9]):
        for channel in range(10):
            width, d = (6, channel) if channel < 6 else (4, channel - 6)
            amount, softness = share * width / 2, 0.3 * width / 2
            to_s = 1 / (1 + math.exp(-(amount - d - 0.5) / softness))
            to_2s = 1 / (1 + math.exp(-(2 * amount - d - 0.5) / softness))
            assert previous[0, t, channel].item() == pytest.approx(to_s, abs=1e-6)
            assert following[0, t, channel].item() == pytest.approx(to_2s - to_s, abs=1e-6)


def test_soft_masks_harden_to_the_floor_as_the_temperature_falls() -> None:
    cold = AdaptiveShift([10], settings(shift="soft", temperature=1e-3))
    floor = AdaptiveShift([10], settings(shift="floor"))
    ratio = torch.tensor([[0.4, 0.6, 0.8]])  # whole amounts 2, 3, 4: no channel is half taken
    for found, expected in zip(cold.masks(ratio), floor.masks(ratio + 1e-4), strict=True):
        torch.testing.assert_close(found, expected)


def test_straight_through_computes_what_floor_computes() -> None:
    ratio = torch.rand(4, 50, generator=torch.Generator().manual_seed(0))
    features = normal(4, 50, 10)
    floor, through = (AdaptiveShift(WIDTHS, settings(shift=shift)) for shift in SHIFTS[:2])
    torch.testing.assert_close(through(features, ratio), floor(features, ratio))


def test_straight_through_equals_floor_to_the_last_bit() -> None:
    ratio = torch.rand(4, 50, generator=torch.Generator().manual_seed(0))
    features = normal(4, 50, 10)
    floor, through = (AdaptiveShift(WIDTHS, settings(shift=shift)) for shift in SHIFTS[:2])
    assert through(features, ratio).equal(floor(features, ratio))


def test_straight_through_has_the_gradient_of_soft() -> None:
    features, upstream = normal(2, 5, 10), normal(2, 5, 10, seed=1)
    gradients = []
    for shift in ("straight_through", "soft"):
        ratio = torch.full((2, 5), 0.45, requires_grad=True)
        module = AdaptiveShift(WIDTHS, settings(shift=shift))
        (module(features, ratio) * upstream).sum().backward()
        assert ratio.grad is not None
        gradients.append(ratio.grad)
    assert (gradients[0].abs() > 0).all()
    torch.testing.assert_close(gradients[0], gradients[1])


def test_gradient_of_the_soft_shift_is_right() -> None:
    module = AdaptiveShift([4, 2], settings(shift="soft")).double()
    features = normal(2, 3, 6, dtype=torch.float64).requires_grad_()
    ratio = torch.linspace(0.1, 0.9, 6, dtype=torch.float64).view(2, 3).requires_grad_()
    assert torch.autograd.gradcheck(module, (features, ratio))


@pytest.mark.parametrize("shift", SHIFTS)
def test_only_floor_keeps_the_gradient_from_the_predictor(shift: Shift) -> None:
    torch.manual_seed(0)
    motar = Motar(widths=WIDTHS, width=8, n_snippets=5, settings=settings(shift=shift))
    perturb(motar)
    (motar(normal(3, 5, 10)) * normal(3, 5, 8, seed=1)).sum().backward()
    for name, parameter in motar.ratio.named_parameters():
        reached = parameter.grad is not None and bool((parameter.grad != 0).any())
        assert reached == (shift != "floor"), name
    assert motar.project.weight.grad is not None


def test_motion_intensity_is_the_variance_of_differences() -> None:
    features = normal(3, 6, 10)
    found = motion_intensity(features)
    assert found.shape == (3, 6)
    for x, intensities in zip(features.tolist(), found.tolist(), strict=True):
        assert intensities[0] == 0
        for (before, now), intensity in zip(pairwise(x), intensities[1:], strict=True):
            difference = [b - a for a, b in zip(before, now, strict=True)]
            assert intensity == pytest.approx(pvariance(difference), rel=1e-4)


def test_motion_by_hand() -> None:
    features = torch.tensor([[[0.0, 0.0], [3.0, 1.0], [4.0, 2.0]]])
    assert motion_intensity(features).tolist() == [[0.0, 1.0, 0.0]]  # a common rise is no motion


def test_statistics_are_those_of_the_features_given() -> None:
    features = normal(4, 6, 10)
    ratio = ShiftRatio()
    ratio.fit_statistics(features)
    logs = [
        math.log(v + EPSILON) for row in motion_intensity(features)[:, 1:].tolist() for v in row
    ]
    assert ratio.mean.item() == pytest.approx(fmean(logs), rel=1e-4)
    assert ratio.deviation.item() == pytest.approx(stdev(logs), rel=1e-4)


def test_scoring_other_videos_leaves_the_statistics_alone() -> None:
    ratio = ShiftRatio()
    ratio.fit_statistics(normal(4, 6, 10))
    before = {name: value.clone() for name, value in ratio.named_buffers()}
    for mode in (True, False):
        ratio.train(mode)(9 * normal(4, 6, 10, seed=1))
    assert set(before) == {"mean", "deviation"}
    assert all(value.equal(before[name]) for name, value in ratio.named_buffers())


def test_ratio_is_the_predictor_of_the_standardised_log_motion() -> None:
    torch.manual_seed(0)
    ratio = ShiftRatio()
    features = normal(4, 6, 10)
    ratio.fit_statistics(features)
    found = ratio(features)
    for video, t in [(0, 1), (2, 3), (3, 5)]:
        v = motion_intensity(features)[video, t].item()
        z = (math.log(v + EPSILON) - ratio.mean.item()) / ratio.deviation.item()
        expected = ratio.layers(torch.tensor([z])).sigmoid().item()
        assert found[video, t].item() == pytest.approx(expected, abs=1e-5)


def test_extreme_motion_counts_as_three_deviations() -> None:
    torch.manual_seed(0)
    ratio = ShiftRatio()
    ratio.fit_statistics(normal(4, 6, 10))
    found = ratio(torch.stack([1e4 * normal(3, 10), 1e6 * normal(3, 10, seed=1)]))
    highest = ratio.layers(torch.tensor([3.0])).sigmoid().item()
    assert found[:, 1:].flatten().tolist() == pytest.approx([highest] * 4)
    lowest = ratio.layers(torch.tensor([-3.0])).sigmoid().item()
    assert ratio(torch.ones(1, 3, 10))[0].tolist() == pytest.approx([lowest] * 3)


def test_static_training_videos_leave_a_usable_scale() -> None:
    torch.manual_seed(0)
    ratio = ShiftRatio()
    ratio.fit_statistics(torch.ones(3, 6, 10))
    assert ratio.deviation.item() == pytest.approx(1e-3)  # not 0, nor what rounding leaves
    usual = ratio.layers(torch.zeros(1)).sigmoid().item()
    assert ratio(torch.ones(2, 4, 10)).flatten().tolist() == pytest.approx([usual] * 8, abs=1e-2)
    assert torch.isfinite(ratio(normal(2, 6, 10))).all()


def _motar(layers: int) -> Motar:
    torch.manual_seed(0)
    return Motar(widths=WIDTHS, width=8, n_snippets=9, settings=settings(layers=layers)).eval()


def test_untrained_motar_looks_no_further_than_the_neighbours() -> None:
    motar = _motar(layers=2)
    with torch.no_grad():
        motar.ratio.get_parameter("layers.4.bias").fill_(3.0)  # shift much
    features = normal(1, 9, 10)
    moved = features.clone()
    moved[0, 4] += normal(10, seed=1)

    def changed() -> list[bool]:
        difference = (motar(features) - motar(moved)).abs().amax(dim=-1)[0]
        return [value > 1e-5 for value in difference.tolist()]

    # x_4 also sets the motion, so the amount of shift, of snippet 5 and none beyond.
    assert changed() == [t in (3, 4, 5) for t in range(9)]
    perturb(motar)
    assert changed() == [True] * 9


def test_without_layers_only_shift_projection_position_and_norm_remain() -> None:
    motar = _motar(layers=0)
    perturb(motar)
    features = normal(2, 9, 10)
    shifted = motar.shift(features, motar.ratio(features))
    rows = shifted @ motar.project.weight.T + motar.project.bias + motar.position
    centred = rows - rows.mean(dim=-1, keepdim=True)
    scale = (centred.pow(2).mean(dim=-1, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(
        motar(features), centred / scale * motar.norm.weight + motar.norm.bias
    )


def test_branches_start_at_zero() -> None:
    with_layer, without = _motar(layers=1), _motar(layers=0)
    without.load_state_dict(with_layer.state_dict(), strict=False)
    features = normal(2, 9, 10)
    torch.testing.assert_close(with_layer(features), without(features))


def test_context_is_the_same_with_and_without_autograd() -> None:
    motar = _motar(layers=2)
    perturb(motar)
    features = normal(3, 9, 10)
    tracked = motar(features)
    with torch.no_grad():
        torch.testing.assert_close(motar(features), tracked, atol=1e-5, rtol=1e-5)
