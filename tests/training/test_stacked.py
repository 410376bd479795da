"""Seeds trained together against the same seeds trained alone."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from pipeline.config import BaseHead, RefineVadHead
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from pipeline.models.head import Head
from pipeline.training import Watcher, fit, predict, weights_of
from pipeline.training.stacked import clip_each, fit_stacked
from tests.models.toy import TRAIN, base, make, normal, refinevad, same, toy_videos
from tests.training.runs import CPU, DROPPING

SEEDS = [3, 0, 11]
FOUR = TRAIN.model_copy(update={"epochs": 4})
TIGHT = FOUR.model_copy(update={"clip_grad_norm": 0.05})  # always clips
NEVER, ALWAYS = {"label_probability": 0.0}, {"label_probability": 1.0}
HEADS: dict[str, BaseHead | RefineVadHead] = {
    "base": base(),
    "base, hinge": base(mil={"kind": "hinge"}),
    "base, batch norm": base(scorer={"batch_norm": True}),
    "refinevad, e_y always": refinevad(core=ALWAYS),
    "refinevad, e_y never, hinge": refinevad(core=NEVER, mil={"kind": "hinge"}),
    "refinevad, floor": refinevad(core=NEVER, motar={"shift": "floor"}),  # a part never trains
    "refinevad, soft, gated": refinevad(
        core={**ALWAYS, "injection": "gated"}, motar={"shift": "soft"}
    ),
}


def videos_of(count: int, seed: int, dtype: torch.dtype = torch.float32) -> VideoFeatures:
    videos = toy_videos(count, seed=seed)
    return replace(videos, features=videos.features.to(dtype), labels=videos.labels.to(dtype))


def alone(
    settings: BaseHead | RefineVadHead,
    seed: int,
    dtype: torch.dtype,
    watched: VideoFeatures | None = None,
) -> tuple[Head, Watcher]:
    videos, head = videos_of(40, 1, dtype), make(settings, seed=seed).to(dtype)
    watcher = Watcher(head, {"test": watched} if watched else {}, CPU)
    fit(head, videos.features, videos.targets, TIGHT, seed=seed, device=CPU, watcher=watcher)
    return head, watcher


def together(settings: BaseHead | RefineVadHead, dtype: torch.dtype) -> list[Head]:
    videos = videos_of(40, 1, dtype)
    heads = [make(settings, seed=seed).to(dtype) for seed in SEEDS]
    fit_stacked(heads, videos.features, videos.targets, TIGHT, seeds=SEEDS, device=CPU)
    return heads


@pytest.mark.parametrize("settings", HEADS.values(), ids=HEADS)
def test_weights_are_those_of_heads_trained_alone(settings: BaseHead | RefineVadHead) -> None:
    """In float64: a bias before batch norm has a gradient of rounding noise alone, which AdamW
    scales up in float32; its epsilon keeps float64's noise, 1e-16, down.
    """
    stacked = together(settings, torch.float64)
    for seed, head in zip(SEEDS, stacked, strict=True):
        expected, found = weights_of(alone(settings, seed, torch.float64)[0]), weights_of(head)
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-6, atol=1e-8, msg=name)
        assert not head.training
    first, second = (weights_of(head) for head in stacked[:2])
    assert not same(first, second)


@pytest.mark.parametrize("name", ["base", "refinevad, e_y always"])
def test_scores_are_those_of_heads_trained_alone_in_float32(name: str) -> None:
    """As far as rounding goes: a bias before batch norm drifts by it, and the running mean lags."""
    features = toy_videos(20, seed=2).features
    for seed, head in zip(SEEDS, together(HEADS[name], torch.float32), strict=True):
        expected, _ = predict(alone(HEADS[name], seed, torch.float32)[0], features, CPU)
        found, _ = predict(head, features, CPU)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-2)


def test_each_head_is_clipped_by_its_own_norm() -> None:
    """One head's gradient is huge, one's small: as `clip_grad_norm_` of each by itself."""
    scales = torch.tensor([1e3, 1e-3, 1.0])
    shapes = [(4, 5), (5,), ()]
    stacked = [nn.Parameter(torch.zeros(3, *shape)) for shape in shapes]
    unused = nn.Parameter(torch.zeros(3, 2))
    for number, parameter in enumerate(stacked):
        noise = normal(*parameter.shape, seed=number)
        parameter.grad = noise * scales.view(3, *[1] * (noise.dim() - 1))
    own: list[list[Tensor]] = [
        [parameter.grad[head].clone() for parameter in stacked if parameter.grad is not None]
        for head in range(3)
    ]
    clip_each([*stacked, unused], 0.5)
    for head, gradients in enumerate(own):
        parameters = [nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        torch.nn.utils.clip_grad_norm_(parameters, 0.5)
        for parameter, clipped in zip(parameters, stacked, strict=True):
            assert clipped.grad is not None
            torch.testing.assert_close(clipped.grad[head], parameter.grad)
    assert unused.grad is None


def test_dropout_differs_between_heads_and_follows_the_seed() -> None:
    """Equal heads with equal batches part by their masks; run again, they are the same."""
    videos, weights = toy_videos(40, seed=1), []
    for _ in range(2):
        heads = [make(DROPPING) for _ in range(2)]
        fit_stacked(heads, videos.features, videos.targets, FOUR, seeds=[4, 4], device=CPU)
        weights.append([weights_of(head) for head in heads])
    assert not same(*weights[0])
    assert all(same(*pair) for pair in zip(*weights, strict=True))


def test_watchers_see_each_head_by_itself() -> None:
    videos, test = videos_of(40, 1, torch.float64), videos_of(20, 2, torch.float64)
    settings = HEADS["refinevad, e_y always"]
    heads = [make(settings, seed=seed).double() for seed in SEEDS]
    watchers = [Watcher(head, {"test": test}, CPU) for head in heads]
    fit_stacked(
        heads, videos.features, videos.targets, TIGHT, seeds=SEEDS, device=CPU, watchers=watchers
    )
    for seed, watcher in zip(SEEDS, watchers, strict=True):
        _, expected = alone(settings, seed, torch.float64, test)
        assert len(watcher.history) == FOUR.epochs
        for row, other in zip(watcher.history, expected.history, strict=True):
            assert row == pytest.approx(other, abs=1e-6)
        assert watcher.best_epoch == expected.best_epoch


def test_one_head_s_loss_that_is_not_finite_names_its_seed() -> None:
    videos, heads = toy_videos(40, seed=1), [make(base()) for _ in SEEDS]
    with torch.no_grad():
        next(heads[1].parameters()).fill_(float("nan"))
    with pytest.raises(UserError, match="seed 0, epoch 1: a loss is not finite"):
        fit_stacked(heads, videos.features, videos.targets, FOUR, seeds=SEEDS, device=CPU)


def test_what_cannot_be_stacked_is_refused() -> None:
    videos, heads = toy_videos(40, seed=1), [make(base()) for _ in SEEDS]
    with pytest.raises(ValueError, match="3 heads, 2 seeds"):
        fit_stacked(heads, videos.features, videos.targets, FOUR, seeds=[0, 1], device=CPU)
    patient = FOUR.model_copy(update={"patience": 2})
    with pytest.raises(ValueError, match="patience"):
        fit_stacked(heads, videos.features, videos.targets, patient, seeds=SEEDS, device=CPU)
