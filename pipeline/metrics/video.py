"""Metrics of whole videos: bag scores, and false alarms on normal videos."""

from collections.abc import Sequence

import numpy as np

from pipeline.metrics.ranking import PairCounts, quotient
from pipeline.metrics.scored import (
    Floats,
    FrameCounts,
    GtLength,
    ScoredVideo,
    Undefined,
    bag_score,
    count_frames,
)
from pipeline.metrics.values import Values, or_reason


def video_auc(videos: Sequence[ScoredVideo], weights: Floats) -> Values:
    """Area under the ROC curve (1 + R,) of the videos' bag scores."""
    abnormal = np.array([video.abnormal for video in videos], dtype=float)
    bags = np.array([bag_score(video) for video in videos], dtype=float)
    units = FrameCounts(bags, np.arange(len(videos)), abnormal, 1 - abnormal)
    found = PairCounts(units, len(videos)).auc(weights)
    return or_reason(found, "test videos", abnormal, 1 - abnormal)


def false_alarm_rate(
    videos: Sequence[ScoredVideo], weights: Floats, threshold: float, gt_length: GtLength
) -> Values:
    """Share of the normal videos' frames (1 + R,) that score strictly above `threshold`."""
    frames = count_frames(videos, gt_length)
    normal = np.array([not video.abnormal for video in videos], dtype=bool)[frames.video]
    video, count = frames.video[normal], frames.negative[normal]
    if not count.any():
        return Undefined("frames of normal test videos: none there")
    alarms = np.bincount(video, count * (frames.score[normal] > threshold), len(videos))
    return quotient(weights @ alarms, weights @ np.bincount(video, count, len(videos)))
