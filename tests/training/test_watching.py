"""What is kept of each epoch on the splits that are watched."""

from dataclasses import replace

import pytest
import torch

from pipeline.features import VideoFeatures
from pipeline.models.head import Head
from pipeline.training import Watcher, fit, weights_of
from tests.models.toy import LAYOUT, TRAIN, base, make, measured, same, toy_videos
from tests.training.runs import CPU, DROPPING

FASTER = TRAIN.model_copy(update={"epochs": 6, "lr": 2e-2})
NAN = float("nan")


def watched(**splits: VideoFeatures) -> tuple[Head, Watcher]:
    videos = toy_videos(40, seed=1)
    head = make(DROPPING)
    watcher = Watcher(head, splits, CPU)
    fit(head, videos.features, videos.targets, FASTER, seed=0, device=CPU, watcher=watcher)
    return head, watcher


def test_watcher_keeps_the_weights_of_each_split_s_best_epoch() -> None:
    splits = {"validation": toy_videos(12, seed=5), "test": toy_videos(20, seed=2)}
    head, watcher = watched(**splits)
    for split, videos in splits.items():
        aucs = [row[f"{split}_frame_auc"] for row in watcher.history]
        assert len(set(aucs)) > 1
        assert watcher.best[split] == max(aucs)
        assert watcher.best_epoch[split] == 1 + aucs.index(max(aucs))
        head.load_state_dict(watcher.best_weights[split])
        assert measured(head, videos)["frame_auc"] == max(aucs)


class Scripted(Watcher):
    """A watcher whose metrics are given: (frame AUC, video AUC) by epoch, for each split."""

    def __init__(self, **script: list[tuple[float, float]]) -> None:
        head = make(base())
        super().__init__(head, {split: toy_videos(2, seed=0) for split in script}, CPU)
        self.script = {split: list(own) for split, own in script.items()}
        for epoch in range(1, max(map(len, script.values())) + 1):
            with torch.no_grad():
                head.get_parameter("project.1.bias").fill_(epoch)
            self(epoch, {"loss": 0.5, "mil": 0.5})

    def _metrics(self, split: str) -> dict[str, float]:
        frame_auc, video_auc = self.script[split].pop(0)
        return {"frame_auc": frame_auc, "video_auc": video_auc}


@pytest.mark.parametrize(
    ("script", "kept"),
    [
        ([(0.5, 0.9), (0.8, 0.1), (0.7, 0.95)], 2),  # frame AUC decides
        ([(0.5, 0.5), (0.8, 0.5), (0.8, 0.5)], 2),  # the earlier of equals
        ([(NAN, 0.7), (NAN, 0.9), (NAN, 0.8)], 2),  # no event is annotated: video AUC
    ],
)
def test_watcher_keeps_the_best_by_hand(script: list[tuple[float, float]], kept: int) -> None:
    watcher = Scripted(test=script)
    assert watcher.best_weights["test"]["project.1.bias"].tolist() == [kept] * 8
    assert watcher.best_epoch["test"] == kept


def test_stale_counts_the_epochs_since_the_best() -> None:
    watcher = Scripted(
        validation=[(0.9, NAN), (0.5, NAN), (0.9, NAN)],
        test=[(0.5, NAN), (0.6, NAN), (0.7, NAN)],
    )
    assert watcher.stale("validation") == 2  # an equal one is no better one
    assert watcher.stale("test") == 0
    assert Scripted(test=[(NAN, NAN), (NAN, NAN)]).stale("test") == 2


def test_watcher_keeps_nothing_where_no_metric_is_defined() -> None:
    watcher = Scripted(validation=[(NAN, NAN), (NAN, NAN)], test=[(0.5, NAN), (NAN, NAN)])
    assert list(watcher.best_weights) == ["test"]


def test_watcher_notes_each_epoch_and_keeps_splits_apart() -> None:
    watcher = Scripted(validation=[(NAN, 0.7), (NAN, 0.6)], test=[(0.5, 0.9), (0.8, 0.25)])
    assert {k: v for k, v in watcher.history[0].items() if k != "validation_frame_auc"} == {
        "epoch": 1, "loss": 0.5, "loss_mil": 0.5,
        "validation_video_auc": 0.7, "test_frame_auc": 0.5, "test_video_auc": 0.9,
    }  # fmt: skip
    assert watcher.history[1]["epoch"] == 2
    kept = {split: w["project.1.bias"][0].item() for split, w in watcher.best_weights.items()}
    assert kept == {"validation": 1, "test": 2}


def test_watcher_measures_the_splits_that_have_videos() -> None:
    test = toy_videos(20, seed=2, split="test")
    unmarked = replace(test, rows=[{**row, "events": []} for row in test.rows])
    none = VideoFeatures(torch.zeros(0, 16, 10), torch.zeros(0, 3), [], LAYOUT)
    for videos, defined in ((test, True), (unmarked, False)):
        head = make(base())
        watcher = Watcher(head, {"validation": none, "test": videos}, CPU)
        watcher(1, {"loss": 1.0})
        found = measured(head, videos)
        (row,) = watcher.history
        assert list(row) == ["epoch", "loss", "test_frame_auc", "test_video_auc"]
        assert row["test_video_auc"] == found["video_auc"]
        assert (row["test_frame_auc"] == found["frame_auc"]) == defined
        assert watcher.best["test"] == row["test_frame_auc" if defined else "test_video_auc"]
        assert list(watcher.best_weights) == ["test"]


def test_watched_splits_never_influence_training() -> None:
    """The same final weights with nothing watched, with a split, and with others."""
    first = weights_of(watched()[0])
    one, other = toy_videos(20, seed=2), toy_videos(10, seed=3)
    assert same(first, weights_of(watched(test=one)[0]))
    assert same(first, weights_of(watched(test=other, validation=one)[0]))
    videos = toy_videos(40, seed=1)
    alone = make(DROPPING)
    fit(alone, videos.features, videos.targets, FASTER, seed=0, device=CPU)
    assert same(first, weights_of(alone))


def test_weights_are_a_copy() -> None:
    head = make(base())
    weights = weights_of(head)
    before = weights["project.1.weight"].clone()
    with torch.no_grad():
        head.get_parameter("project.1.weight").add_(1)
    assert weights["project.1.weight"].equal(before)
    assert "input.mean" in weights  # statistics travel along
