"""Trained heads on a split's features."""

from collections.abc import Mapping
from pathlib import Path

import torch

from pipeline import checkpoint
from pipeline.features import VideoFeatures
from pipeline.score_table import Run
from pipeline.training import predict

NO_VIDEO = "there is no usable test video"


def score(
    folders: Mapping[tuple[str, int], Path], videos: VideoFeatures, device: torch.device
) -> tuple[list[Run], dict[str, str]]:
    """Every saved checkpoint on the videos, and by head why it has no scores.

    `folders` gives the folder of each head and seed (see `pipeline.checkpoint`). Raises `UserError`
    naming a folder that has neither weights nor a reason.
    """
    runs: list[Run] = []
    without: dict[str, str] = {}
    for (model, seed), folder in folders.items():
        reason = checkpoint.why_untrained(folder)
        if reason or not videos.rows:
            without[model] = f"not trained: {reason}" if reason else NO_VIDEO
            continue
        for name in checkpoint.saved(folder) or ["last"]:  # loading says that it is absent
            head, _ = checkpoint.load(folder, name)
            scores, category = predict(head.to(device), videos.features, device)
            probability = None if category is None else category.numpy()
            runs.append(Run(model, seed, name, scores.numpy(), probability))
    return runs, without
