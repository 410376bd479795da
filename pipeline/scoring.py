"""Trained heads on a split's features."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pipeline import checkpoint, made_by
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from pipeline.score_table import Run
from pipeline.training import predict

NO_VIDEO = "there is no usable test video"


def score(
    folders: Mapping[tuple[str, int], Path],
    videos: VideoFeatures,
    device: torch.device,
    encoders: Mapping[str, Mapping[str, Any]],
) -> tuple[list[Run], dict[str, str]]:
    """Every saved checkpoint on the videos, and by head why it has no scores.

    `folders` gives the folder of each head and seed (see `pipeline.checkpoint`). Raises `UserError`
    naming a folder that has neither weights nor a reason, or a head that was trained on features
    of other encoders than `encoders`, which made those of the videos (see `pipeline.made_by`).
    """
    runs: list[Run] = []
    without: dict[str, str] = {}
    for (model, seed), folder in folders.items():
        reason = checkpoint.why_untrained(folder)
        if reason or not videos.rows:
            without[model] = f"not trained: {reason}" if reason else NO_VIDEO
            continue
        for name in checkpoint.saved(folder) or ["last"]:  # loading says that it is absent
            head, trained = checkpoint.load(folder, name)
            check_encoders(folder, trained.encoders, encoders)
            scores, category = predict(head.to(device), videos.features, device)
            probability = None if category is None else category.numpy()
            runs.append(Run(model, seed, name, scores.numpy(), probability))
    return runs, without


def check_encoders(
    folder: Path, trained: Mapping[str, Any], encoders: Mapping[str, Mapping[str, Any]]
) -> None:
    """Raise `UserError` unless a head in `folder` was trained on features that `encoders` made."""
    used = {name: encoders.get(name, {}) for name in trained}
    if differences := made_by.compare(trained, used):
        raise UserError(
            f"{folder} was trained on features of other encoders; its scores of these would mean "
            f"nothing:\n{differences}\n`dvc repro` trains it on these"
        )
