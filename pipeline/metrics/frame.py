"""Frame-level metrics: ROC and precision-recall areas over the frames of all test videos."""

from collections.abc import Sequence

import numpy as np

from pipeline.metrics.ranking import PairCounts, PrecisionRecall
from pipeline.metrics.scored import Floats, GtLength, ScoredVideo, count_frames
from pipeline.metrics.values import Name, Values, or_reason


def frame_metrics(
    videos: Sequence[ScoredVideo], weights: Floats, gt_length: GtLength = "frames"
) -> dict[Name, Values]:
    """Frame metrics by name, for each row of `weights` (1 + R, V).

    `frame_auc`, `ap` and `ap_trapezoid` over all frames; `ano_auc` over frames of abnormal videos;
    for each category, `auc` over its videos' and all normal videos' frames, and `auc_within` over
    its videos' alone.
    """
    frames = count_frames(videos, gt_length)
    pairs, curve = PairCounts(frames, len(videos)), PrecisionRecall(frames)
    abnormal = np.array([video.abnormal for video in videos], dtype=float)
    step, trapezoid = curve.areas(weights)
    what = _frames_with_truth(videos)
    found: dict[Name, Values] = {
        ("frame_auc",): or_reason(pairs.auc(weights), what, frames.positive, frames.negative),
        ("ano_auc",): or_reason(
            pairs.auc(weights, abnormal),
            "frames of abnormal videos with events",
            pairs.positive,
            pairs.negative * abnormal,
        ),
        ("ap",): or_reason(step, what, frames.positive, frames.negative),
        ("ap_trapezoid",): or_reason(trapezoid, what, frames.positive, frames.negative),
    }
    for name in dict.fromkeys(name for video in videos for name in video.categories):
        of_category = np.array([name in video.categories for video in videos], dtype=float)
        for key, chosen in (("auc", of_category + 1 - abnormal), ("auc_within", of_category)):
            values = pairs.auc(weights, chosen)
            what = f"frames of {name}" + (" and of normal videos" if key == "auc" else "")
            found["by_category", name, key] = or_reason(
                values, what, pairs.positive * chosen, pairs.negative * chosen
            )
    return found


def frame_auc(
    videos: Sequence[ScoredVideo], weights: Floats, gt_length: GtLength = "frames"
) -> Values:
    """`frame_auc` of `frame_metrics` alone."""
    frames = count_frames(videos, gt_length)
    found = PairCounts(frames, len(videos)).auc(weights)
    return or_reason(found, _frames_with_truth(videos), frames.positive, frames.negative)


def _frames_with_truth(videos: Sequence[ScoredVideo]) -> str:
    unknown = sum(not video.has_frame_truth for video in videos)
    what = "frames with ground truth"
    return f"{what} ({unknown} abnormal videos have no annotated event)" if unknown else what
