"""Untrained floors: what plain brightness and plain motion reach on the same test videos."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from pipeline import tables
from pipeline.config import Evaluate
from pipeline.metrics.frame import frame_metrics
from pipeline.metrics.scored import Floats, ScoredVideo, Undefined
from pipeline.metrics.values import Name, Values
from pipeline.metrics.video import video_auc
from pipeline.video.cues import measure

VERSION = 1  # raise when a floor changes for the same frames
NAMES = tuple(name for name in tables.FLOORS.names if name != "snippet")


def measure_floors(frames: Path) -> pa.Table:
    """A video's mean grey level and mean grey-level change by snippet (schema `tables.FLOORS`).

    `frames` is the path of the video's sampled frames.
    """
    images = tables.read(frames, tables.FRAMES).column("image").to_pylist()
    cues = [measure(jpegs) for jpegs in images]
    rows = [
        {
            "snippet": number,
            "mean_brightness": float(snippet.brightness.mean()),
            "mean_motion": snippet.motion,
        }
        for number, snippet in enumerate(cues)
    ]
    return pa.Table.from_pylist(rows, schema=tables.FLOORS)


def make() -> Callable[[Path], pa.Table]:
    """What a worker calls for each video (see `pipeline.engine`)."""
    return measure_floors


def better_direction(
    videos: list[ScoredVideo], settings: Evaluate, weights: Floats
) -> dict[Name, Values]:
    """Metrics of the scores or of their negatives, whichever has the higher frame AUC.

    (The higher video AUC, where frame AUC is undefined.) The direction is chosen on the test
    videos, in the floor's favour: an upper bound. There are no false-alarm rate, category and
    detection metrics, since these scores are no probabilities.
    """
    negated = [replace(video, scores=-video.scores) for video in videos]
    both = [
        {
            **frame_metrics(each, weights, settings.gt_length),
            ("video_auc",): video_auc(each, weights),
        }
        for each in (videos, negated)
    ]
    return max(both, key=_headline)


def _headline(metrics: dict[Name, Values]) -> float:
    values = [metrics[("frame_auc",)], metrics[("video_auc",)]]
    return next((float(value[0]) for value in values if not isinstance(value, Undefined)), -1.0)
