"""Fitting: heads that learn what can be learnt, and errors that say what is wrong."""

from typing import Any, cast

import pytest
import torch
from torch import Tensor

from pipeline.config import BaseHead, RefineVadHead
from pipeline.errors import UserError
from pipeline.models.head import Targets
from pipeline.models.motion import motion_intensity
from pipeline.models.refinevad import RefineVad
from pipeline.training import Watcher, fit, predict, weights_of, why_not
from tests.models.toy import TRAIN, base, make, measured, refinevad, same, toy_videos
from tests.training.runs import BOTH, CPU, DROPPING, SHORT, trained


@BOTH
def test_a_seed_gives_the_same_weights_to_the_last_bit(settings: BaseHead | RefineVadHead) -> None:
    first = trained(settings)
    assert same(first, trained(settings))
    assert not same(first, trained(settings, seed=1))


def test_what_is_drawn_before_fit_does_not_matter() -> None:
    weights = []
    videos = toy_videos(40, seed=1)
    for before in (5, 6):
        head = make(DROPPING)
        torch.manual_seed(before)
        fit(head, videos.features, videos.targets, SHORT, seed=0, device=CPU)
        weights.append(weights_of(head))
    assert same(*weights)


LEARNERS = [base(), refinevad(motar={"dropout": 0.3}, scorer={"dropout": 0.3})]


@pytest.mark.parametrize("settings", LEARNERS, ids=["base", "refinevad"])
def test_a_head_learns_what_can_be_learnt(settings: BaseHead | RefineVadHead) -> None:
    train, test = toy_videos(60, seed=1), toy_videos(40, seed=2, split="test")
    head = make(settings)
    fit(head, train.features, train.targets, TRAIN, seed=0, device=CPU)
    _, category_prob = predict(head, test.features, CPU)
    found = measured(head, test)
    for name in ("video_auc", "frame_auc", "ano_auc"):
        assert found[name] > 0.9, (name, found)
    if category_prob is not None:
        abnormal = test.labels.any(dim=1)
        right = category_prob.argmax(dim=1) == test.labels.argmax(dim=1)
        assert right[abnormal].float().mean() > 0.8


@BOTH
def test_untrained_heads_do_not_know(settings: BaseHead | RefineVadHead) -> None:
    """The toy problem is not solved by chance: guards the test above."""
    test = toy_videos(40, seed=2, split="test")
    assert measured(make(settings), test)["frame_auc"] < 0.8


class Told(Watcher):
    """Notes what it is called with, and the head's mode."""

    def __init__(self, head: Any) -> None:
        super().__init__(head, {}, CPU)
        self.told: list[tuple[int, dict[str, float]]] = []

    def __call__(self, epoch: int, losses: Any) -> None:
        self.told.append((epoch, losses))


def test_the_watcher_is_told_the_mean_terms_and_their_sum() -> None:
    videos = toy_videos(40, seed=1)
    head = make(DROPPING)
    watcher = Told(head)
    fit(head, videos.features, videos.targets, TRAIN, seed=0, device=CPU, watcher=watcher)
    assert [epoch for epoch, _ in watcher.told] == list(range(1, 13))
    assert not head.training
    for _, losses in watcher.told:
        assert set(losses) == {"loss", "mil", "gmm", "category"}
        parts = losses["mil"] + losses["gmm"] + losses["category"]
        assert losses["loss"] == pytest.approx(parts, abs=1e-5)
    assert watcher.told[-1][1]["loss"] < watcher.told[0][1]["loss"]


def test_what_is_told_is_the_mean_over_the_epoch_s_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    videos = toy_videos(40, seed=1)
    head = make(DROPPING)
    seen: list[dict[str, float]] = []
    plain = head.losses

    def losses(inputs: Any, targets: Targets) -> dict[str, Tensor]:
        assert head.training
        terms = plain(inputs, targets)
        seen.append({name: float(value.detach()) for name, value in terms.items()})
        return terms

    monkeypatch.setattr(head, "losses", losses)
    watcher = Told(head)
    fit(head, videos.features, videos.targets, SHORT, seed=0, device=CPU, watcher=watcher)
    steps = len(seen) // SHORT.epochs
    assert steps == 3  # 20 of each class, 8 of each a batch
    for number, (_, told) in enumerate(watcher.told):
        own = seen[number * steps : (number + 1) * steps]
        for name in own[0]:
            assert told[name] == pytest.approx(sum(step[name] for step in own) / steps, rel=1e-5)


def test_statistics_are_fitted_to_what_is_trained_on() -> None:
    videos = toy_videos(40, seed=1)
    head = cast(RefineVad, make(DROPPING))
    fit(head, videos.features, videos.targets, SHORT, seed=0, device=CPU)
    torch.testing.assert_close(head.input.mean, videos.features.mean(dim=(0, 1)))
    motion = motion_intensity(head.input(videos.features))[:, 1:]
    assert head.motar.ratio is not None
    torch.testing.assert_close(head.motar.ratio.mean, (motion + 1e-8).log().mean())


def test_gradients_are_clipped() -> None:
    """Weight decay apart, AdamW hardly sees the scale of a gradient; a clip near 0 stops it."""
    videos = toy_videos(40, seed=1)
    moved = []
    for clip in (5.0, 1e-12):
        head = make(base())
        before = weights_of(head)
        settings = SHORT.model_copy(update={"clip_grad_norm": clip, "weight_decay": 0.0})
        fit(head, videos.features, videos.targets, settings, seed=0, device=CPU)
        after = weights_of(head)
        name = "project.1.weight"
        moved.append(float((after[name] - before[name]).abs().max()))
    assert moved[0] > 1e-2
    assert moved[1] < 1e-5


def test_a_parameter_that_asks_for_no_gradient_stays_as_it_is() -> None:
    """Weight decay included: a part taken from another head is kept."""
    videos = toy_videos(40, seed=1)
    head = make(DROPPING)
    frozen = {name for name, _ in head.named_parameters() if name.startswith("core.")}
    for name in frozen:
        head.get_parameter(name).requires_grad_(False)
    before = weights_of(head)
    fit(head, videos.features, videos.targets, SHORT, seed=0, device=CPU)
    after = weights_of(head)
    moved = {name for name in before if not after[name].equal(before[name])}
    assert frozen
    assert moved.isdisjoint(frozen)
    assert "scorer.layers.0.weight" in moved


@pytest.mark.parametrize(
    ("kept", "counts"), [(0, "20 normal and 0 abnormal"), (1, "0 normal and 20 abnormal")]
)
def test_one_class_alone_is_an_error(kept: int, counts: str) -> None:
    videos = toy_videos(40, seed=1)
    assert why_not(videos.targets) is None
    features, targets = videos.features[kept::2], Targets.of(videos.labels[kept::2])
    assert why_not(targets) == (
        f"training needs normal and abnormal videos; the train split has {counts} ones"
    )
    with pytest.raises(UserError, match=counts):
        fit(make(base()), features, targets, TRAIN, seed=0, device=CPU)


@BOTH
def test_a_feature_that_is_not_finite_is_an_error(settings: BaseHead | RefineVadHead) -> None:
    videos = toy_videos(40, seed=1)
    videos.features[3, 2, 1] = float("nan")
    with pytest.raises(UserError, match="a training feature is not finite"):
        fit(make(settings), videos.features, videos.targets, TRAIN, seed=0, device=CPU)


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    videos = toy_videos(40, seed=1)
    head = make(base())
    with torch.no_grad():
        next(head.parameters()).fill_(float("nan"))
    with pytest.raises(UserError, match="epoch 1: a loss is not finite"):
        fit(head, videos.features, videos.targets, TRAIN, seed=0, device=CPU)


@BOTH
def test_a_step_waits_for_nothing(
    settings: BaseHead | RefineVadHead, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values are fetched from the device by epoch, not by step: longer epochs fetch no more."""
    fetched = []

    def noted(name: str) -> None:
        plain = getattr(torch.Tensor, name)

        def call(self: Tensor, *args: Any, **options: Any) -> Any:
            fetched.append(name)
            return plain(self, *args, **options)

        monkeypatch.setattr(torch.Tensor, name, call)

    for name in ("item", "tolist", "cpu", "numpy", "__bool__", "__float__", "__int__", "nonzero"):
        noted(name)
    counts = []
    for n_videos in (16, 160):  # 1 step an epoch, and 10
        videos = toy_videos(n_videos, seed=1)
        head = make(settings)
        fetched.clear()
        fit(head, videos.features, videos.targets, SHORT, seed=0, device=CPU)
        counts.append(list(fetched))
    assert counts[0] == counts[1]
    assert "tolist" in counts[0]  # the count counts
