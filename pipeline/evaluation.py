"""Scores of several heads and seeds on the test videos: as metrics, as a table, as curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipeline import tables
from pipeline.config import Clip, RulesCaption
from pipeline.metrics import floors, frame
from pipeline.metrics.summary import over_seeds, plain
from pipeline.video.snippets import edges

CURVE_POINTS = 200
Rows = Sequence[Mapping[str, Any]]
Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Run:
    """One head, seed and checkpoint on N test videos: scores (N, T), categories (N, C) or None."""

    model: str
    seed: int
    checkpoint: str
    scores: Floats
    category_prob: Floats | None


def metrics_of(runs: Sequence[Run], rows: Rows, false_alarm_threshold: float) -> dict[str, Any]:
    """Nested `{model: {checkpoint: {metric: {mean, std, per_seed}}}}`.

    `rows` are the manifest rows of the N test videos.
    """
    results: dict[str, Any] = {}
    for model, checkpoint in dict.fromkeys((run.model, run.checkpoint) for run in runs):
        per_seed = [
            frame.evaluate(frame.scored_videos(rows, run.scores), false_alarm_threshold)
            for run in runs
            if (run.model, run.checkpoint) == (model, checkpoint)
        ]
        results.setdefault(model, {})[checkpoint] = over_seeds(per_seed)
    return results


def floors_of(cues: Mapping[str, Floats], rows: Rows, threshold: float) -> dict[str, Any]:
    """`{floor: {metric: value}}` of untrained snippet scores (N, T) by name."""
    results = {}
    for name, scores in cues.items():
        found = floors.better_direction(frame.scored_videos(rows, scores), threshold)
        results[name] = {metric: plain(value) for metric, value in found.items()}
    return results


def scores_table(runs: Sequence[Run], rows: Rows) -> pa.Table:
    """All runs' snippet scores, schema `tables.SCORES`."""
    entries = []
    for run in runs:
        for number, row in enumerate(rows):
            cuts = edges(row["n_frames"], run.scores.shape[1])
            probability = [] if run.category_prob is None else run.category_prob[number].tolist()
            entries += [
                {
                    "model": run.model,
                    "seed": run.seed,
                    "checkpoint": run.checkpoint,
                    "video_id": row["video_id"],
                    "snippet": snippet,
                    "start": cuts[snippet],
                    "end": cuts[snippet + 1],
                    "score": score,
                    "category_prob": probability,
                }
                for snippet, score in enumerate(run.scores[number].tolist())
            ]
    return pa.Table.from_pylist(entries, schema=tables.SCORES)


def curves_of(runs: Sequence[Run], rows: Rows) -> dict[str, pd.DataFrame]:
    """Frame ROC and precision-recall curves of the `last` checkpoints, thinned for plotting."""
    roc: list[tuple[str, int, float, float]] = []
    pr: list[tuple[str, int, float, float]] = []
    for run in runs:
        if run.checkpoint == "last":
            videos = frame.scored_videos(rows, run.scores)
            roc += [
                (run.model, run.seed, *point) for point in frame.roc_points(videos, CURVE_POINTS)
            ]
            pr += [(run.model, run.seed, *point) for point in frame.pr_points(videos, CURVE_POINTS)]
    return {
        "roc": pd.DataFrame(roc, columns=["model", "seed", "fpr", "tpr"]),
        "pr": pd.DataFrame(pr, columns=["model", "seed", "recall", "precision"]),
    }


def data_summary(manifest: Mapping[str, Any], n_train: int, test: Rows) -> dict[str, int]:
    """What the numbers rest on: counts of videos and frames, and of what was left out.

    `manifest` is the manifest's summary (`datasets.manifest.summary`), `n_train` the number
    of training videos used, `test` the rows of the test videos scored. Where abnormal test videos
    have no annotated event, their number stands instead of that of the abnormal frames.
    """
    videos = frame.scored_videos(test, np.zeros((len(test), 0)))
    unknown = sum(not frame.has_frame_truth(video) for video in videos)
    abnormal = sum(int(frame.frame_labels(video).sum()) for video in videos)
    return {
        "n_train": n_train,
        "n_test": len(test),
        "test_frames": sum(video.n_frames for video in videos),
        **({"without_events": unknown} if unknown else {"abnormal_test_frames": abnormal}),
        "left_out": manifest["n_videos"] - n_train - len(test),
        "missing": len(manifest["missing"]),
    }


def encoder_note(clip: Clip, caption: RulesCaption) -> str:
    """What made the features, and what that means for the numbers."""
    random = clip.pretrained == "random"
    text = f"Features: CLIP {clip.model}"
    text += " with random weights" if random else f" ({clip.pretrained})"
    text += f", captions by {caption.backend}."
    if random:
        text += " Random weights need no download and know nothing of the world."
    if caption.backend == "rules":
        text += " Rules measure motion, light and colour; they see no objects and no actions."
    if random or caption.backend == "rules":
        text += " The numbers show that the pipeline works, and compare with no published result."
    return text
