"""Training: balanced batches, reproducible fits, and heads that learn what can be learnt."""

from collections import Counter
from typing import cast

import pytest
import torch
from torch import Tensor

from pipeline.config import BaseHead, RefineVadHead
from pipeline.errors import UserError
from pipeline.models.motar import motion_intensity
from pipeline.models.refinevad import RefineVad
from pipeline.training import EpochEnd, balanced_batches, fit, predict, weights_of, why_not
from tests.models.toy import LAYOUT, TRAIN, base, make, measured, refinevad, same, toy_videos

CPU = torch.device("cpu")
DROPPING = refinevad(motar={"dropout": 0.3}, scorer={"dropout": 0.3})
BOTH = pytest.mark.parametrize("settings", [base(), DROPPING], ids=["base", "refinevad"])
SHORT = TRAIN.model_copy(update={"epochs": 3})


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def nothing(epoch: int, losses: dict[str, float]) -> None:
    """Watches no epoch."""


def batches(
    n_normal: int, n_abnormal: int, size: int, seed: int = 0
) -> tuple[Tensor, list[Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(n_normal + n_abnormal, generator=generator)
    abnormal = (torch.arange(n_normal + n_abnormal) >= n_normal)[order]
    return abnormal, list(balanced_batches(abnormal, size, generator))


@pytest.mark.parametrize(("n_normal", "n_abnormal"), [(12, 12), (12, 5), (3, 10), (1, 7)])
def test_batches_are_half_normal_then_half_abnormal(n_normal: int, n_abnormal: int) -> None:
    abnormal, found = batches(n_normal, n_abnormal, 6)
    assert len(found) == -(-max(n_normal, n_abnormal) // 3)
    for batch in found:
        assert abnormal[batch].tolist() == [False] * 3 + [True] * 3


def test_equal_classes_pass_once_an_epoch() -> None:
    _, found = batches(12, 12, 8)
    assert sorted(torch.cat(found).tolist()) == list(range(24))


def test_the_smaller_class_starts_over_in_a_new_order() -> None:
    abnormal, found = batches(24, 6, 8)
    drawn = torch.cat(found)
    assert sorted(drawn[~abnormal[drawn]].tolist()) == torch.nonzero(~abnormal).flatten().tolist()
    repeated = drawn[abnormal[drawn]]  # six batches of four: four whole rounds
    rounds = [tuple(part) for part in repeated.view(4, 6).tolist()]
    assert all(sorted(part) == torch.nonzero(abnormal).flatten().tolist() for part in rounds)
    assert len(set(rounds)) > 1


def test_an_incomplete_last_batch_is_filled_up() -> None:
    abnormal, found = batches(5, 4, 4)
    assert [len(batch) for batch in found] == [4, 4, 4]
    normal = Counter(index for batch in found for index in batch[:2].tolist())
    assert sorted(normal.values()) == [1, 1, 1, 1, 2]
    assert set(normal) == set(torch.nonzero(~abnormal).flatten().tolist())


def test_batches_follow_the_generator() -> None:
    def drawn(seed: int) -> list[list[int]]:
        return [batch.tolist() for batch in batches(12, 12, 8, seed)[1]]

    assert drawn(0) == drawn(0) != drawn(1)
    generator = torch.Generator().manual_seed(0)
    abnormal = torch.arange(24) >= 12
    first, second = (list(balanced_batches(abnormal, 8, generator)) for _ in range(2))
    assert not torch.cat(first).equal(torch.cat(second))  # each epoch in another order


def trained(
    settings: BaseHead | RefineVadHead, *, seed: int = 0, epoch_end: EpochEnd = nothing
) -> dict[str, Tensor]:
    videos = toy_videos(40, seed=1)
    head = make(settings)
    fit(head, videos.features, videos.labels, SHORT, seed=seed, device=CPU, epoch_end=epoch_end)
    return weights_of(head)


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
        fit(head, videos.features, videos.labels, SHORT, seed=0, device=CPU, epoch_end=nothing)
        weights.append(weights_of(head))
    assert same(*weights)


@BOTH
def test_a_head_learns_what_can_be_learnt(settings: BaseHead | RefineVadHead) -> None:
    train, test = toy_videos(60, seed=1), toy_videos(40, seed=2, split="test")
    head = make(settings)
    fit(head, train.features, train.labels, TRAIN, seed=0, device=CPU, epoch_end=nothing)
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


def test_predict_is_in_eval_mode_without_a_graph() -> None:
    videos = toy_videos(6, seed=0)
    head = make(DROPPING).train()
    scores, category_prob = predict(head, videos.features, CPU)
    assert not head.training
    assert not scores.requires_grad
    assert scores.shape == (6, LAYOUT.n_snippets)
    torch.testing.assert_close(scores, head(videos.features).logits.sigmoid())
    assert category_prob is not None
    assert category_prob.shape == (6, 3)
    assert predict(make(base()), videos.features, CPU)[1] is None


def test_epoch_end_is_told_the_mean_terms_and_their_sum() -> None:
    told: list[tuple[int, dict[str, float]]] = []
    modes = []
    videos = toy_videos(40, seed=1)
    head = make(DROPPING)

    def epoch_end(epoch: int, losses: dict[str, float]) -> None:
        told.append((epoch, losses))
        modes.append(head.training)

    fit(head, videos.features, videos.labels, TRAIN, seed=0, device=CPU, epoch_end=epoch_end)
    assert [epoch for epoch, _ in told] == list(range(1, 13))
    assert modes == [False] * 12
    for _, losses in told:
        assert set(losses) == {"loss", "mil", "gmm", "category"}
        parts = losses["mil"] + losses["gmm"] + losses["category"]
        assert losses["loss"] == pytest.approx(parts, abs=1e-5)
    assert told[-1][1]["loss"] < told[0][1]["loss"]


def test_statistics_are_fitted_to_what_is_trained_on() -> None:
    videos = toy_videos(40, seed=1)
    head = cast(RefineVad, make(DROPPING))
    fit(head, videos.features, videos.labels, SHORT, seed=0, device=CPU, epoch_end=nothing)
    torch.testing.assert_close(head.input.mean, videos.features.mean(dim=(0, 1)))
    motion = motion_intensity(head.input(videos.features))[:, 1:]
    torch.testing.assert_close(head.motar.ratio.mean, (motion + 1e-8).log().mean())


def test_gradients_are_clipped() -> None:
    """Weight decay apart, AdamW hardly sees the scale of a gradient; a clip near 0 stops it."""
    videos = toy_videos(40, seed=1)
    moved = []
    for clip in (5.0, 1e-12):
        head = make(base())
        before = weights_of(head)
        settings = SHORT.model_copy(update={"clip_grad_norm": clip, "weight_decay": 0.0})
        fit(head, videos.features, videos.labels, settings, seed=0, device=CPU, epoch_end=nothing)
        after = weights_of(head)
        name = "project.1.weight"
        moved.append(float((after[name] - before[name]).abs().max()))
    assert moved[0] > 1e-2
    assert moved[1] < 1e-5


@pytest.mark.parametrize(
    ("kept", "counts"), [(0, "20 normal and 0 abnormal"), (1, "0 normal and 20 abnormal")]
)
def test_one_class_alone_is_an_error(kept: int, counts: str) -> None:
    videos = toy_videos(40, seed=1)
    assert why_not(videos.labels) is None
    features, labels = videos.features[kept::2], videos.labels[kept::2]
    assert why_not(labels) == (
        f"training needs normal and abnormal videos; the train split has {counts} ones"
    )
    with pytest.raises(UserError, match=counts):
        fit(make(base()), features, labels, TRAIN, seed=0, device=CPU, epoch_end=nothing)


@BOTH
def test_a_feature_that_is_not_finite_is_an_error(settings: BaseHead | RefineVadHead) -> None:
    videos = toy_videos(40, seed=1)
    videos.features[3, 2, 1] = float("nan")
    with pytest.raises(UserError, match="a training feature is not finite"):
        fit(
            make(settings),
            videos.features,
            videos.labels,
            TRAIN,
            seed=0,
            device=CPU,
            epoch_end=nothing,
        )


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    videos = toy_videos(40, seed=1)
    head = make(base())
    with torch.no_grad():
        next(head.parameters()).fill_(float("nan"))
    with pytest.raises(UserError, match="epoch 1: a loss is not finite"):
        fit(head, videos.features, videos.labels, TRAIN, seed=0, device=CPU, epoch_end=nothing)


def test_weights_are_a_copy() -> None:
    head = make(base())
    weights = weights_of(head)
    before = weights["project.1.weight"].clone()
    with torch.no_grad():
        head.get_parameter("project.1.weight").add_(1)
    assert weights["project.1.weight"].equal(before)
    assert "input.mean" in weights  # statistics travel along
