"""Early stopping: by the validation split alone, and exactly when it is told to."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from pipeline import config
from pipeline.config import Features
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from pipeline.models.head import Head
from pipeline.training import Progress, Watcher, fit, train_variant, weights_of
from tests.models.toy import TRAIN, make, same, toy_videos
from tests.training.runs import CPU, DROPPING

PATIENT = TRAIN.model_copy(update={"epochs": 12, "patience": 2})


class Scripted(Watcher):
    """Watches both splits; frame AUC of each is given by epoch."""

    script: Mapping[str, list[float]]

    def _metrics(self, split: str) -> dict[str, float]:
        return {"frame_auc": self.script[split][len(self.history)]}


def run(
    script: Mapping[str, list[float]], *, path: Path | None = None, **changes: int | None
) -> tuple[Head, Watcher]:
    videos = toy_videos(40, seed=1)
    head = make(DROPPING)
    watcher = Scripted(head, {split: toy_videos(4, seed=0) for split in script}, CPU)
    watcher.script = script
    fit(
        head, videos.features, videos.targets, PATIENT.model_copy(update=changes), seed=0,
        device=CPU, watcher=watcher, progress=Progress(path, "key", every_s=0) if path else None,
    )  # fmt: skip
    return head, watcher


RISES = [0.1 * epoch for epoch in range(12)]
FALLS = RISES[::-1]
BEST_AT_3 = [0.5, 0.6, 0.7, 0.7, 0.6, *[0.9] * 7]  # an equal score is no better one


@pytest.mark.parametrize(
    ("validation", "epochs"),
    [(RISES, 12), (FALLS, 3), (BEST_AT_3, 5), ([0.5, 0.4, 0.6, 0.5, 0.7, 0.6, 0.5, *RISES], 7)],
)
def test_training_stops_after_so_many_epochs_without_a_better_one(
    validation: list[float], epochs: int
) -> None:
    head, watcher = run({"validation": validation, "test": RISES})
    assert [row["epoch"] for row in watcher.history] == list(range(1, epochs + 1))
    last, _ = run({"validation": RISES, "test": RISES}, epochs=epochs, patience=None)
    assert same(weights_of(head), weights_of(last))
    assert not head.training


@pytest.mark.parametrize("test", [RISES, FALLS, BEST_AT_3])
def test_the_test_split_stops_nothing(test: list[float]) -> None:
    plain, _ = run({"validation": BEST_AT_3})
    head, watcher = run({"validation": BEST_AT_3, "test": test})
    assert len(watcher.history) == 5
    assert same(weights_of(head), weights_of(plain))


def test_without_patience_training_never_stops() -> None:
    assert len(run({"validation": FALLS}, patience=None)[1].history) == 12


def test_a_run_that_stopped_early_has_stopped_after_a_kill_too(tmp_path: Path) -> None:
    script = {"validation": FALLS, "test": RISES}
    first, _ = run(script, path=tmp_path / "progress.pt")
    again, watcher = run(script, path=tmp_path / "progress.pt")
    assert len(watcher.history) == 3
    assert same(weights_of(first), weights_of(again))


@pytest.mark.parametrize("splits", [{}, {"test": RISES}])
def test_patience_without_a_validation_split_is_an_error(splits: dict[str, list[float]]) -> None:
    with pytest.raises(UserError, match=r"train\.patience is 2, but .* validation_share"):
        run(splits)


def test_patience_without_anyone_who_watches_is_an_error() -> None:
    videos = toy_videos(40, seed=1)
    with pytest.raises(UserError, match=r"train\.patience is 2"):
        fit(make(DROPPING), videos.features, videos.targets, PATIENT, seed=0, device=CPU)


def test_patience_with_validation_videos_that_judge_nothing_is_an_error() -> None:
    with pytest.raises(UserError, match="no metric is defined on the validation videos"):
        run({"validation": [float("nan")] * 12, "test": RISES})


def variant_weights(*, test: VideoFeatures, validation: VideoFeatures) -> dict[str, torch.Tensor]:
    features = Features(modalities=["image", "text"], center=True, normalise="l2")
    variant = config.Variant("full", "refinevad", DROPPING, features, PATIENT)
    watched = {"validation": validation, "test": test}
    head, _ = train_variant(variant, toy_videos(40, seed=1), watched, seed=0, device=CPU)
    return weights_of(head)


def test_nothing_of_a_test_video_enters_training() -> None:
    """Other test videos, louder ones, fewer: the same weights to the last bit."""
    validation = toy_videos(12, seed=5)
    test = toy_videos(20, seed=2)
    first = variant_weights(test=test, validation=validation)
    others = toy_videos(6, seed=3)
    others.features.mul_(100)
    assert same(first, variant_weights(test=others, validation=validation))
    assert same(first, variant_weights(test=test.select([]), validation=validation))
