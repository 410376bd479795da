"""The adaptive shift against a plain loop written from equation 3."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pipeline.config import Motar as Settings
from pipeline.models.shift import AdaptiveShift, soft
from tests.models.toy import REFINEVAD, normal

Shift = Literal["floor", "straight_through", "soft"]
WIDTHS = [6, 4]
HARD: tuple[Shift, ...] = ("floor", "straight_through")
TRAINED: tuple[Shift, ...] = ("straight_through", "soft")
EDGES = ("zero", "replicate")


def settings(**changes: Any) -> Settings:
    return Settings.model_validate({**REFINEVAD["motar"], **changes})


def integers(batch: int, n_snippets: int, width: int) -> Tensor:
    """Distinct whole numbers: sums and differences of them are exact."""
    return torch.arange(1.0, 1 + batch * n_snippets * width).view(batch, n_snippets, width)


def amounts_of(ratio: Tensor, widths: Sequence[int], fold: int) -> list[list[list[int]]]:
    """s_t by video, snippet and group, in the ratio's own precision, as equation 2 has it."""
    share = [torch.tensor(width / fold, dtype=ratio.dtype) for width in widths]
    return [[[math.floor(r * one) for one in share] for r in video] for video in ratio]


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


@pytest.mark.parametrize("shift", HARD)
@pytest.mark.parametrize("edges", EDGES)
@pytest.mark.parametrize("width", [10, 48])
def test_every_amount_is_equation_3(width: int, edges: str, shift: Shift) -> None:
    module = AdaptiveShift([width], settings(shift=shift, edges=edges))
    features = integers(1, 4, width)
    for s in range(width // 2 + 1):
        ratio = torch.full((1, 4), min((2 * s + 0.5) / width, 1.0))  # K = 2: s = floor(D r / 2)
        expected = plain_shift(features[0].tolist(), [[s]] * 4, [width], edges)
        assert module(features, ratio).tolist() == [expected], s


@pytest.mark.parametrize("edges", EDGES)
@pytest.mark.parametrize("ratio", [0.1, 0.4, 0.6, 0.9, 1.0])
def test_shift_per_modality_is_equation_3_in_each(ratio: float, edges: str) -> None:
    module = AdaptiveShift(WIDTHS, settings(shift="floor", edges=edges))
    features = integers(1, 5, 10)
    amounts = [[math.floor(ratio * 3), math.floor(ratio * 2)]] * 5
    expected = plain_shift(features[0].tolist(), amounts, WIDTHS, edges)
    assert module(features, torch.full((1, 5), ratio)).tolist() == [expected]


def test_without_per_modality_the_widths_are_one_vector() -> None:
    module = AdaptiveShift(WIDTHS, settings(shift="floor", per_modality=False))
    features = integers(1, 3, 10)
    expected = plain_shift(features[0].tolist(), [[4]] * 3, [10], "zero")
    assert module(features, torch.full((1, 3), 0.9)).tolist() == [expected]


@given(
    widths=st.lists(
        st.integers(1, 7) | st.sampled_from([16, 24, 32, 40, 64]), min_size=1, max_size=3
    ),
    n_snippets=st.integers(1, 5),
    fold=st.integers(2, 9),
    shift=st.sampled_from(HARD),
    edges=st.sampled_from(EDGES),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    chosen=st.lists(st.floats(0, 1, width=32), min_size=10, max_size=10),
)
def test_each_snippet_shifts_by_its_own_amount(
    widths: list[int],
    n_snippets: int,
    fold: int,
    shift: Shift,
    edges: str,
    dtype: torch.dtype,
    chosen: list[float],
) -> None:
    module = AdaptiveShift(widths, settings(shift=shift, edges=edges, fold=fold))
    features = normal(2, n_snippets, sum(widths), dtype=dtype)
    ratio = torch.tensor(chosen, dtype=dtype)[: 2 * n_snippets].view(2, n_snippets)
    amounts = amounts_of(ratio, widths, fold)
    pairs = zip(features.tolist(), amounts, strict=True)
    expected = [plain_shift(x, video, widths, edges) for x, video in pairs]
    assert module(features, ratio).tolist() == expected  # to the last bit: values are copied


@pytest.mark.parametrize("shift", HARD)
def test_values_that_are_no_numbers_stay_in_their_channels(shift: Shift) -> None:
    features = integers(1, 3, 32)
    features[0, 1, [0, 9, 31]] = torch.tensor([math.nan, math.inf, -math.inf])
    found = AdaptiveShift([32], settings(shift=shift))(features, torch.full((1, 3), 0.5))
    expected = torch.tensor([plain_shift(features[0].tolist(), [[8]] * 3, [32], "zero")])
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("ratio", [math.nan, math.inf, 3.0, -1.0])
def test_a_ratio_outside_its_range_reaches_no_further(ratio: float) -> None:
    features = integers(2, 3, 32)
    amount = 0 if ratio < 0 or math.isnan(ratio) else 16
    found = AdaptiveShift([32], settings(shift="floor"))(features, torch.full((2, 3), ratio))
    assert found.tolist() == [
        plain_shift(x, [[amount]] * 3, [32], "zero") for x in features.tolist()
    ]


def test_features_need_not_lie_in_order() -> None:
    ratio = torch.rand(3, 4, generator=torch.Generator().manual_seed(0))
    upstream = normal(3, 4, 32, seed=1)
    for shift in (*HARD, "soft"):
        module, found = AdaptiveShift([32], settings(shift=shift)), []
        for features in (normal(4, 3, 32).transpose(0, 1), normal(4, 3, 32).transpose(0, 1) + 0):
            given_ratio = ratio.clone().requires_grad_()
            result = module(features.requires_grad_(), given_ratio)
            found.append([result, *torch.autograd.grad((result * upstream).sum(), features)])
        assert all(one.equal(two) for one, two in zip(*found, strict=True)), shift


@pytest.mark.parametrize("shift", [*HARD, "soft"])
def test_videos_do_not_mix_and_repeats_are_the_same(shift: Shift) -> None:
    module = AdaptiveShift([48, 32], settings(shift=shift, edges="replicate"))
    features, ratio = normal(2, 5, 80), torch.rand(2, 5, generator=torch.Generator().manual_seed(0))
    other, other_ratio = features.clone(), ratio.clone()
    other[0], other_ratio[0] = normal(5, 80, seed=7), 0.9
    upstream = normal(2, 5, 80, seed=1)

    def run(features: Tensor, ratio: Tensor) -> list[Tensor]:
        leaves = [features.clone().requires_grad_(), ratio.clone().requires_grad_()]
        (module(*leaves) * upstream).sum().backward()
        return [module(features, ratio), *(leaf.grad for leaf in leaves if leaf.grad is not None)]

    first = run(features, ratio)
    assert len(first) == (2 if shift == "floor" else 3)
    assert all(one.equal(two) for one, two in zip(first, run(features, ratio), strict=True))
    for one, two in zip(first, run(other, other_ratio), strict=True):
        assert one[1].equal(two[1]) and not one[0].equal(two[0])


def by_masks(features: Tensor, ratio: Tensor, widths: Sequence[int], settings: Settings) -> Tensor:
    """The shift as masks of floats times moved copies, differentiated by autograd."""
    position = torch.cat([torch.arange(width) for width in widths]).to(ratio.dtype)
    most = torch.cat([torch.full((w,), w / settings.fold, dtype=ratio.dtype) for w in widths])
    amount, centre = ratio[..., None] * most, position + 0.5
    whole, softness = amount.detach().floor(), settings.temperature * most
    previous = ((amount - centre) / softness).sigmoid()
    following = ((2 * amount - centre) / softness).sigmoid() - previous
    if settings.shift != "soft":
        hard = (position < whole).to(ratio.dtype)
        previous = hard + (previous - previous.detach())
        following = (position < 2 * whole).to(ratio.dtype) - hard + (following - following.detach())
    ends = 0.0 if settings.edges == "zero" else 1.0
    before = torch.cat([ends * features[:, :1], features[:, :-1]], dim=1)
    after = torch.cat([features[:, 1:], ends * features[:, -1:]], dim=1)
    return features + previous * (before - features) + following * (after - features)


@pytest.mark.parametrize("edges", EDGES)
@pytest.mark.parametrize("shift", TRAINED)
@pytest.mark.parametrize("n_snippets", [1, 2, 6])
@pytest.mark.parametrize("temperature", [0.02, 0.1, 2.0])
@pytest.mark.parametrize(("widths", "fold"), [([6, 4], 2), ([32, 17], 3), ([64, 48], 8), ([2], 3)])
def test_result_and_gradients_are_those_of_the_masks(
    widths: list[int], fold: int, temperature: float, n_snippets: int, shift: Shift, edges: str
) -> None:
    chosen = settings(shift=shift, edges=edges, fold=fold, temperature=temperature)
    shape, width = (3, n_snippets), sum(widths)
    upstream = normal(*shape, width, seed=1, dtype=torch.float64)
    ratio = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ratio[0, 0], ratio[2, -1] = 0, 1
    module = AdaptiveShift(widths, chosen)
    found = []
    for function in (module, lambda x, r: by_masks(x, r, widths, chosen)):
        leaves = normal(*shape, width, dtype=torch.float64), ratio.clone()
        result = function(*(leaf.requires_grad_() for leaf in leaves))
        found.append((result, *torch.autograd.grad(result, leaves, upstream)))
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shift", TRAINED)
def test_portions_of_the_videos_make_the_whole(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, upstream, found = AdaptiveShift(WIDTHS, settings(shift=shift)), normal(5, 4, 10), []
    for cached in (1, 2 * 40, 10**6):  # one video, two, all five at a time
        monkeypatch.setattr(soft, "CACHED", cached)
        ratio = torch.linspace(0.1, 0.9, 20).view(5, 4).requires_grad_()
        result = module(normal(5, 4, 10, seed=1), ratio)
        found.append((result, *torch.autograd.grad(result, ratio, upstream)))
    for one, two, three in zip(*found, strict=True):
        torch.testing.assert_close(one, two)
        torch.testing.assert_close(two, three)


def test_channels_out_of_reach_of_a_sigmoid_are_left_out() -> None:
    """In float32 they would add less than its resolution; a value that is no number shows them."""
    module = AdaptiveShift([100], settings(shift="straight_through", fold=10, temperature=0.1))
    ratio = torch.full((1, 2), 0.5, requires_grad=True)
    features = normal(1, 2, 100)
    for channel, reached in ((20, True), (35, True), (36, False), (99, False)):
        spoilt = features.clone()
        spoilt[..., channel] = math.nan
        (gradient,) = torch.autograd.grad(module(spoilt, ratio).sum(), ratio)
        # 2 D / K = 20, softness 1, -log(eps) = 15.94
        assert bool(gradient.isnan().any()) == reached, channel


@pytest.mark.parametrize("shift", ["floor", *TRAINED])
def test_only_floor_keeps_the_gradient_from_the_ratio(shift: Shift) -> None:
    module, ratio = AdaptiveShift(WIDTHS, settings(shift=shift)), torch.full((2, 5), 0.45)
    shifted = module(normal(2, 5, 10), ratio.requires_grad_())
    assert shifted.requires_grad == (shift != "floor")
    if shift != "floor":
        (gradient,) = torch.autograd.grad(shifted, ratio, normal(2, 5, 10, seed=1))
        assert (gradient.abs() > 0).all()


@pytest.mark.parametrize("edges", EDGES)
def test_gradient_of_the_soft_shift_is_right(edges: str) -> None:
    module = AdaptiveShift([4, 2], settings(shift="soft", edges=edges))
    features = normal(2, 3, 6, dtype=torch.float64).requires_grad_()
    ratio = torch.linspace(0.1, 0.9, 6, dtype=torch.float64).view(2, 3).requires_grad_()
    assert torch.autograd.gradcheck(module, (features, ratio))


@pytest.mark.parametrize("shift", TRAINED)
@pytest.mark.parametrize("axes", [(0, 0), (None, 0), (0, None), (2, 1)])
def test_stacked_ratios_and_features_are_mapped(
    axes: tuple[int | None, int | None], shift: Shift
) -> None:
    """`vmap` of `grad`, as stacked models train, against one after the other."""
    module, upstream = AdaptiveShift([16, 6], settings(shift=shift)), normal(2, 4, 22, seed=1)
    ratios = torch.rand(3, 2, 4, generator=torch.Generator().manual_seed(0))
    stacked = [normal(3, 2, 4, 22), ratios]

    def loss(features: Tensor, ratio: Tensor) -> Tensor:
        return (module(features, ratio).square() * upstream).sum()

    gradient = torch.func.grad(loss, argnums=(0, 1))
    laid = [
        value[0] if axis is None else value.movedim(0, axis)
        for value, axis in zip(stacked, axes, strict=True)
    ]
    found = torch.func.vmap(gradient, in_dims=axes)(*laid)
    for model in range(3):
        own = [
            value[0 if axis is None else model].clone().requires_grad_()
            for value, axis in zip(stacked, axes, strict=True)
        ]
        expected = torch.autograd.grad(loss(own[0], own[1]), own)
        for one, two in zip(found, expected, strict=True):
            torch.testing.assert_close(one[model], two)


def test_vmap_needs_no_gradient_and_may_lie_within_grad() -> None:
    module = AdaptiveShift(WIDTHS, settings(shift="straight_through"))
    features, ratio = normal(3, 2, 4, 10), torch.linspace(0, 1, 24).view(3, 2, 4)
    mapped = torch.func.vmap(module)
    alone = torch.stack([module(x, r) for x, r in zip(features, ratio, strict=True)])
    assert mapped(features, ratio).equal(alone)
    upstream = normal(3, 2, 4, 10, seed=1)
    within = torch.func.grad(lambda r: (mapped(features, r) * upstream).sum())(ratio)
    ratio.requires_grad_()
    joined = module(features.flatten(0, 1), ratio.flatten(0, 1)) * upstream.flatten(0, 1)
    torch.testing.assert_close(within, *torch.autograd.grad(joined.sum(), ratio))
