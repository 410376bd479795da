"""Runs that are killed: what a child process does, so that it ends without warning."""

import os
import signal
from pathlib import Path
from typing import Any

import torch

from pipeline.config import Features, Train
from pipeline.models.head import FeatureLayout, Head
from pipeline.models.registry import build
from pipeline.training import Progress, Watcher, fit, weights_of
from tests.models.toy import CATEGORIES, TRAIN, make, normal, refinevad, toy_videos
from tests.training.runs import CPU, DROPPING

SIX = TRAIN.model_copy(update={"epochs": 6, "lr": 2e-2})
KEY = "a run"


class KilledAfterSaving(Progress):
    """Its process dies as soon as the state after epoch `last` is on disk."""

    last = 0

    def save(self, state: dict[str, Any]) -> None:
        super().save(state)
        if state["epoch"] == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


class KilledBeforeSaving(Progress):
    """Its process dies when epoch `last` is over, before its state is on disk."""

    last = 0

    def save(self, state: dict[str, Any]) -> None:
        if state["epoch"] == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        super().save(state)


def run(
    progress: Progress | None, *, settings: Train = SIX, start: int = 0
) -> tuple[Head, Watcher]:
    """Dropout and label injection on; `start` is what the weights begin from, unless resumed."""
    torch.set_num_threads(1)
    videos = toy_videos(40, seed=1)
    head = make(DROPPING, seed=start)
    splits = {"validation": toy_videos(12, seed=5), "test": toy_videos(20, seed=2)}
    watcher = Watcher(head, splits, CPU)
    fit(
        head, videos.features, videos.targets, settings,
        seed=0, device=CPU, watcher=watcher, progress=progress,
    )  # fmt: skip
    return head, watcher


def die(path: Path, kind: type[KilledAfterSaving] | type[KilledBeforeSaving], last: int) -> None:
    progress = kind(path, KEY, every_s=0)
    progress.last = last
    run(progress)


def train_wide(threads: int, path: Path) -> None:
    """Large enough for two threads to share the work; the weights go to `path`."""
    torch.set_num_threads(threads)
    layout = FeatureLayout({"image": 512, "text": 256}, CATEGORIES, 16)
    settings = refinevad(
        width=64, motar={"dropout": 0.3}, core={"dropout": 0.3}, scorer={"dropout": 0.3}
    )
    torch.manual_seed(0)
    features = Features(modalities=["image", "text"], center=True, normalise="l2")
    head = build("refinevad", layout, features, settings)
    targets = toy_videos(16, seed=1).targets
    fit(
        head, normal(16, 16, 768, seed=3), targets, TRAIN.model_copy(update={"epochs": 2}),
        seed=0, device=CPU,
    )  # fmt: skip
    assert torch.get_num_threads() == threads
    torch.save(weights_of(head), path)
