"""Points of the frame ROC and precision-recall curves, for plotting."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from pipeline.metrics.scored import Floats, FrameCounts, GtLength, ScoredVideo, count_frames

Points = list[tuple[float, float]]


def roc_points(videos: Sequence[ScoredVideo], gt_length: GtLength, count: int) -> Points:
    """At most `count` points (false positive rate, true positive rate); none when undefined."""
    frames = count_frames(videos, gt_length)
    if not frames.positive.any() or not frames.negative.any():
        return []
    labels, scores, counts = _entries(frames)
    fpr, tpr, _ = roc_curve(labels, scores, sample_weight=counts)
    return _thinned(fpr, tpr, count)


def pr_points(videos: Sequence[ScoredVideo], gt_length: GtLength, count: int) -> Points:
    """At most `count` points (recall, precision); none when undefined."""
    frames = count_frames(videos, gt_length)
    if not frames.positive.any():
        return []
    labels, scores, counts = _entries(frames)
    precision, recall, _ = precision_recall_curve(labels, scores, sample_weight=counts)
    return _thinned(recall[::-1], precision[::-1], count)


def _entries(frames: FrameCounts) -> tuple[Floats, Floats, Floats]:
    """Labels, scores and numbers of frames: an entry for each kind of frame of each snippet."""
    counts = np.concatenate([frames.positive, frames.negative])
    labels = np.repeat([1.0, 0.0], len(frames.score))
    held = counts > 0
    return labels[held], np.tile(frames.score, 2)[held], counts[held]


def _thinned(x: Floats, y: Floats, count: int) -> Points:
    index = np.unique(np.linspace(0, len(x) - 1, min(count, len(x))).round().astype(int))
    return [(float(x[i]), float(y[i])) for i in index]
