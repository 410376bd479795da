"""What the page shows: one dataset's results, checked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from pipeline import tables
from pipeline.errors import UserError
from pipeline.metrics.summary import NOT_MODELS

CHECKPOINT = "last"  # the checkpoint whose scores are drawn: nothing was chosen on test data

COLUMNS: dict[str, list[str]] = {
    "scores": tables.SCORES.names,
    "manifest": tables.MANIFEST.names,
    "captions": tables.CAPTIONS.names,
    "skipped": tables.SKIPPED.names,
    "roc": ["model", "seed", "fpr", "tpr"],
    "pr": ["model", "seed", "recall", "precision"],
    "training": ["model", "seed", "epoch", "loss"],
    "tsne": ["model", "category", "x", "y"],
}


@dataclass(frozen=True)
class Results:
    """Everything the page of one dataset is made of.

    `scores`, `manifest`, `captions` and `skipped` have the columns of `pipeline.tables`;
    `roc`, `pr` and `training` those of `COLUMNS` (training also `loss_*`, NaN for a head without
    that term, and `<split>_frame_auc`, `<split>_video_auc`). `tsne` are the points of tsne.csv,
    `on_tsne` the content of tsne.json, `ablation` that of ablation.json. `metrics` is the content
    of metrics.json, `listing` that of the manifest's summary, which lies at `listing_path`.
    `categories` gives the order of `category_prob`. `thumbnails` gives a few small JPEGs of a video
    in time order, evenly spaced. `on_captions` are lines on what the captions are like.
    `efficiency` is the content of efficiency.json. `scores`, the curves, `captions`, the lines on
    them and `efficiency` may be empty.
    """

    dataset: str
    metrics: dict[str, Any]
    listing: dict[str, Any]
    listing_path: str
    scores: pd.DataFrame
    manifest: pd.DataFrame
    captions: pd.DataFrame
    on_captions: list[str]
    skipped: pd.DataFrame
    roc: pd.DataFrame
    pr: pd.DataFrame
    training: pd.DataFrame
    tsne: pd.DataFrame
    on_tsne: dict[str, dict[str, Any]]
    ablation: dict[str, Any]
    categories: list[str]
    settings: dict[str, Any]
    versions: dict[str, str]
    thumbnails: Callable[[str], list[bytes]]
    efficiency: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def models(self) -> list[str]:
        """Names of the models in the order of metrics.json, then any others drawn."""
        named = [name for name, entry in self.metrics.items() if is_model(name, entry)]
        shown = [self.scores, self.roc, self.pr, self.training]
        others = sorted({str(model) for frame in shown for model in frame["model"].unique()})
        return list(dict.fromkeys([*named, *others]))

    @cached_property
    def shown(self) -> pd.DataFrame:
        """The scores that are drawn: those of the last epoch."""
        return self.scores[self.scores["checkpoint"] == CHECKPOINT]

    @cached_property
    def test_videos(self) -> pd.DataFrame:
        """Manifest rows of the scored test videos; without any score, of all that are usable."""
        rows = self.manifest
        if self.shown.empty:
            return rows[(rows["split"] == "test") & rows["status"].isin(tables.USABLE)]
        return rows[rows["video_id"].isin(self.shown["video_id"])]

    def check(self) -> None:
        """Raise `UserError` when a table lacks a column or the scores cannot be drawn."""
        for name, columns in COLUMNS.items():
            missing = [column for column in columns if column not in getattr(self, name).columns]
            if missing:
                raise UserError(f"{self.dataset}: {name} lacks the columns {missing}")
        self._check_scores()

    def _check_scores(self) -> None:
        shown = self.shown
        measured = [name for name in self.models if self._is_measured(name)]
        if shown.empty and measured:
            raise UserError(
                f"{self.dataset}: metrics.json has numbers of '{measured[0]}', but there are no "
                f"scores of checkpoint '{CHECKPOINT}'; `dvc repro` the evaluate stage"
            )
        if not np.isfinite(shown["score"]).all():
            broken = shown.loc[~np.isfinite(shown["score"]), "video_id"].iloc[0]
            raise UserError(
                f"{self.dataset}: scores of video '{broken}' are not finite; train again"
            )
        unknown = sorted(set(shown["video_id"]) - set(self.manifest["video_id"]))
        if unknown:
            raise UserError(
                f"{self.dataset}: {len(unknown)} scored videos are not in the manifest, first "
                f"'{unknown[0]}'; `dvc repro` brings both up to date"
            )

    def _is_measured(self, model: str) -> bool:
        entries = self.metrics.get(model, {}).get(CHECKPOINT, {}).values()
        return any(entry.get("mean") is not None for entry in entries)


def is_model(name: str, entry: Any) -> bool:
    """Whether an entry of metrics.json holds a model's metrics by checkpoint."""
    return name not in NOT_MODELS and isinstance(entry, dict) and CHECKPOINT in entry
