"""What is seen of a head while it trains: metrics by epoch, and the weights that were best."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.features import VideoFeatures
from pipeline.metrics.frame import frame_auc
from pipeline.metrics.scored import Undefined, scored_videos
from pipeline.metrics.video import video_auc
from pipeline.models.head import Head, Inputs
from pipeline.training.predicting import predict_prepared, prepare


class Watcher:
    """After each epoch scores the splits it watches, and keeps the weights that were best on each.

    Best on the test split is what most papers of the field report, and nothing that trains reads
    it. Best on a validation split is a choice that has not seen the test split; `stale` says for
    how long it has not got better. Judged by frame AUC, or by video AUC where no event is
    annotated.
    """

    def __init__(
        self, head: Head, watched: Mapping[str, VideoFeatures], device: torch.device
    ) -> None:
        self.head, self.device = head, device
        self.watched = {split: videos for split, videos in watched.items() if videos.rows}
        self.history: list[dict[str, float]] = []
        self.best = dict.fromkeys(self.watched, float("-inf"))
        self.best_epoch = dict.fromkeys(self.watched, 0)
        self.best_weights: dict[str, dict[str, Tensor]] = {}
        self._inputs: dict[str, Inputs] = {}  # of each split, prepared at its first epoch

    def __call__(self, epoch: int, losses: Mapping[str, float]) -> None:
        """Note losses and metrics; keep the weights of a split unless an earlier epoch was better.

        Nothing is kept where no metric of a split is defined: there is no best epoch.
        """
        entry = {name if name == "loss" else f"loss_{name}": v for name, v in losses.items()}
        for split in self.watched:
            metrics = self._metrics(split)
            defined = (value for value in metrics.values() if not math.isnan(value))
            headline = next(defined, float("-inf"))
            if headline > self.best[split]:
                self.best[split], self.best_epoch[split] = headline, epoch
                self.best_weights[split] = weights_of(self.head)
            entry |= {f"{split}_{name}": value for name, value in metrics.items()}
        self.history.append({"epoch": epoch, **entry})

    def stale(self, split: str) -> int:
        """Epochs since the best one on a split (since the start where there is none)."""
        return len(self.history) - self.best_epoch[split]

    def state(self) -> dict[str, Any]:
        """What `restore` takes to go on from here."""
        return {
            "history": self.history,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "best_weights": self.best_weights,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where another watcher of the same splits was."""
        self.history, self.best = state["history"], state["best"]
        self.best_epoch, self.best_weights = state["best_epoch"], state["best_weights"]

    def _metrics(self, split: str) -> dict[str, float]:
        """Frame and video AUC; not a number where undefined."""
        videos = self.watched[split]
        if split not in self._inputs:
            self._inputs[split] = prepare(self.head, videos.features, self.device)
        scores = predict_prepared(self.head, self._inputs[split]).logits.sigmoid()
        scored, plain = scored_videos(videos.rows, scores.numpy()), np.ones((1, len(videos.rows)))
        found = {"frame_auc": frame_auc(scored, plain), "video_auc": video_auc(scored, plain)}
        return {
            name: float("nan") if isinstance(value, Undefined) else float(value[0])
            for name, value in found.items()
        }


def weights_of(head: Head) -> dict[str, Tensor]:
    """A copy of the head's parameters and statistics, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in head.state_dict().items()}
