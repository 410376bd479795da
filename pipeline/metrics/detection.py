"""Temporal detection: mAP at several IoU thresholds, for a test set and for its resamples.

AP is the sum of the precision at each true positive over the number of annotated events,
as in VadCLIP's evaluation (Wu et al., AAAI 2024). It comes in two forms:

- corrected: the mean over the categories that have an annotated event; Normal is no event;
- compat, as VadCLIP and DSANet print it: the mean over Normal and all categories, where a class
  without annotation has AP 0, and where the whole metric is 0 if one class, Normal included,
  has no predicted segment in any video. UCF-Crime annotates no Normal span that counts,
  so a perfect detector reaches 13/14 = 92.857 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.metrics.segments import (
    NORMAL,
    ClassifiedVideo,
    Floats,
    Ints,
    matched,
    ranked_segments,
)

__all__ = ["IOUS", "NORMAL", "ClassifiedVideo", "mean_ap"]

IOUS = (0.1, 0.2, 0.3, 0.4, 0.5)
CHUNK = 2**20  # weights of segments in memory at once: 8 MiB an array


@dataclass(frozen=True)
class RankedClass:
    """One class: its S segments by rank, and its annotated events.

    `owners` (S,) gives a segment's video, `met` (thresholds, S) whether it meets an event,
    `n_events` (V,) the number of events in each video.
    """

    owners: Ints
    met: npt.NDArray[np.bool_]
    n_events: Floats


def mean_ap(videos: Sequence[ClassifiedVideo], weights: Floats, *, compat: bool) -> Floats:
    """mAP at each IoU of `IOUS` and their mean (AVG), as fractions: (R, len(IOUS) + 1).

    `weights` (R, V) says how often each video counts in each of R bootstrap resamples; a row of
    ones gives the plain value. A row in which no event is left is NaN: it has no mAP.
    In a resample a video's segments and events count as often as the video; copies of one segment
    share a rank, and precision is taken below the last of them (ours). The number of classes the
    mean is over changes with the row in the corrected form.

    Raises `ValueError` for weights of another shape or below 0, or videos of unequal classes.
    """
    if weights.ndim != 2 or weights.shape[1] != len(videos):
        raise ValueError(f"expected weights (R, {len(videos)}), found {weights.shape}")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError("a weight is below 0 or not finite")
    values = np.full((len(weights), len(IOUS) + 1), np.nan)
    if not videos:
        return values
    classes = _ranked_classes(videos)
    if not compat:
        classes = classes[1:]
    longest = max(len(each.owners) for each in classes)
    step = max(CHUNK // max(longest, 1), 1)
    for start in range(0, len(weights), step):
        rows = slice(start, start + step)
        values[rows, :-1] = _mean_over_classes(classes, weights[rows], compat)
    values[:, -1] = values[:, :-1].mean(axis=1)
    return values


def _n_classes(videos: Sequence[ClassifiedVideo]) -> int:
    counts = {video.curves.shape[1] for video in videos}
    if len(counts) > 1:
        raise ValueError(f"videos have curves of {sorted(counts)} classes; expected one number")
    return max(counts, default=0)


def _ranked_classes(videos: Sequence[ClassifiedVideo]) -> list[RankedClass]:
    """Normal and the categories, in order."""
    n_events = np.zeros((_n_classes(videos), len(videos)))
    for number, video in enumerate(videos):
        for *_, category in video.events:
            n_events[category + 1, number] += 1
    segments, owners = ranked_segments(videos)
    met = matched(videos, segments, owners, IOUS)
    bounds = np.searchsorted(segments.classes, np.arange(len(n_events) + 1))
    return [
        RankedClass(owners[start:end], met[:, start:end], counts)
        for start, end, counts in zip(bounds, bounds[1:], n_events, strict=False)
    ]


def _mean_over_classes(classes: Sequence[RankedClass], weights: Floats, compat: bool) -> Floats:
    """(r, thresholds) from weights (r, V)."""
    total = np.zeros((len(weights), len(IOUS)))
    n_annotated = np.zeros(len(weights))
    all_predicted = np.ones(len(weights), dtype=np.bool_)
    for each in classes:
        counts = weights[:, each.owners]  # (r, S)
        n_events = weights @ each.n_events  # (r,)
        total += _average_precision(counts, each.met, n_events)
        n_annotated += n_events > 0
        all_predicted &= counts.any(axis=1)
    n_classes = np.full(len(weights), float(len(classes))) if compat else n_annotated
    if compat:
        total[~all_predicted] = 0.0
    # NaN where nothing is annotated
    return total / np.where(n_annotated > 0, n_classes, np.nan)[:, None]


def _average_precision(counts: Floats, met: npt.NDArray[np.bool_], n_events: Floats) -> Floats:
    """AP (r, thresholds) of segments that count `counts` (r, S) times; 0 without an event."""
    seen = counts.cumsum(axis=1)  # (r, S)
    sums = np.zeros((len(counts), len(met)))
    for column, hits in enumerate(met):
        times = counts[:, hits]  # (r, true positives)
        # Where a segment does not count, nothing may have been seen yet.
        precision = times.cumsum(axis=1) / np.where(times > 0, seen[:, hits], 1.0)
        sums[:, column] = (times * precision).sum(axis=1)
    return sums / np.where(n_events > 0, n_events, 1.0)[:, None]
