"""Frame and video metrics of weakly supervised anomaly detection.

A snippet's score holds for exactly its frames; ground truth is per frame of the original
video; the frames of all test videos are joined. ROC and AP are scikit-learn's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    auc,
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from pipeline.losses.mil import default_top_k
from pipeline.video.snippets import edges

Scores = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ScoredVideo:
    """A test video: its snippets' scores (T,), its length, its label and its events.

    `events` are frame intervals `[start, end)`. An abnormal video without events has no
    frame ground truth: it counts for video metrics alone.
    """

    video_id: str
    n_frames: int
    scores: Scores
    abnormal: bool
    events: tuple[tuple[int, int], ...] = ()


def scored_videos(
    rows: Sequence[Mapping[str, Any]], scores: npt.NDArray[np.floating[Any]]
) -> list[ScoredVideo]:
    """Test videos from their manifest rows and snippet scores (N, T)."""
    return [
        ScoredVideo(
            row["video_id"],
            row["n_frames"],
            np.asarray(video_scores, dtype=np.float64),
            bool(row["categories"]),
            tuple((event["start"], event["end"]) for event in row["events"]),
        )
        for row, video_scores in zip(rows, scores, strict=True)
    ]


@dataclass(frozen=True)
class Undefined:
    """Why a metric has no value."""

    reason: str


Metric = float | Undefined


def frame_scores(video: ScoredVideo) -> Scores:
    """Piecewise constant scores (n_frames,)."""
    return np.repeat(video.scores, np.diff(edges(video.n_frames, len(video.scores))))


def frame_labels(video: ScoredVideo) -> Labels:
    """True where a frame lies in an event (n_frames,)."""
    labels = np.zeros(video.n_frames, dtype=bool)
    for start, end in video.events:
        labels[start:end] = True
    return labels


def bag_score(video: ScoredVideo) -> float:
    """The video's score: the mean of its T // 16 + 1 highest snippets, as in training."""
    return float(np.sort(video.scores)[-default_top_k(len(video.scores)) :].mean())


def joined(videos: Sequence[ScoredVideo]) -> tuple[Labels, Scores]:
    """Frame labels and scores of all videos, one after another."""
    if not videos:
        return np.zeros(0, dtype=bool), np.zeros(0)
    return (
        np.concatenate([frame_labels(video) for video in videos]),
        np.concatenate([frame_scores(video) for video in videos]),
    )


def roc_auc(labels: Labels, scores: Scores, what: str) -> Metric:
    """Area under the ROC curve; undefined when one class is absent."""
    if labels.all() or not labels.any():
        return Undefined(f"{what}: {_absent(labels)}")
    return float(roc_auc_score(labels, scores))


def _absent(labels: Labels) -> str:
    return "none there" if not len(labels) else "all abnormal" if labels.all() else "all normal"


def average_precision(labels: Labels, scores: Scores, what: str) -> Metric:
    """Step-wise average precision, as VadCLIP and DSANet compute it."""
    if not labels.any():
        return Undefined(f"{what}: {_absent(labels)}")
    return float(average_precision_score(labels, scores))


def trapezoidal_precision(labels: Labels, scores: Scores, what: str) -> Metric:
    """Trapezoidal area under precision over recall, as RTFM, UR-DMU and others compute it."""
    if not labels.any():
        return Undefined(f"{what}: {_absent(labels)}")
    precision, recall, _ = precision_recall_curve(labels, scores)
    return float(auc(recall, precision))


def has_frame_truth(video: ScoredVideo) -> bool:
    """Whether it is known of every frame whether it is abnormal."""
    return not video.abnormal or bool(video.events)


def evaluate(videos: Sequence[ScoredVideo], false_alarm_threshold: float) -> dict[str, Metric]:
    """All metrics of one set of scores, by name.

    `frame_auc`, `ap` and `ap_trapezoid` over all frames; `ano_auc` over frames of abnormal videos;
    `video_auc` of bag scores; `false_alarm_rate`, the share of normal videos' frames that score
    above the threshold. Raises `ValueError` for a score that is not finite.
    """
    for video in videos:
        if not np.isfinite(video.scores).all():
            raise ValueError(f"{video.video_id}: a score is not finite")
    known = [video for video in videos if has_frame_truth(video)]
    what = "frames with ground truth"
    if len(known) < len(videos):
        what += f" ({len(videos) - len(known)} abnormal videos have no annotated event)"
    labels, scores = joined(known)
    ano_labels, ano_scores = joined([video for video in known if video.abnormal])
    _, normal_scores = joined([video for video in videos if not video.abnormal])
    video_labels = np.array([video.abnormal for video in videos], dtype=bool)
    bags = np.array([bag_score(video) for video in videos])
    return {
        "frame_auc": roc_auc(labels, scores, what),
        "ano_auc": roc_auc(ano_labels, ano_scores, "frames of abnormal videos with events"),
        "ap": average_precision(labels, scores, what),
        "ap_trapezoid": trapezoidal_precision(labels, scores, what),
        "video_auc": roc_auc(video_labels, bags, "test videos"),
        "false_alarm_rate": _false_alarm_rate(normal_scores, false_alarm_threshold),
    }


def _false_alarm_rate(normal_scores: Scores, threshold: float) -> Metric:
    if not len(normal_scores):
        return Undefined("normal test videos: none there")
    return float((normal_scores > threshold).mean())


def roc_points(videos: Sequence[ScoredVideo], count: int) -> list[tuple[float, float]]:
    """At most `count` points (false positive rate, true positive rate) of the frame ROC curve."""
    labels, scores = joined([video for video in videos if has_frame_truth(video)])
    if labels.all() or not labels.any():
        return []
    fpr, tpr, _ = roc_curve(labels, scores)
    return _thinned(fpr, tpr, count)


def pr_points(videos: Sequence[ScoredVideo], count: int) -> list[tuple[float, float]]:
    """At most `count` points (recall, precision) of the frame precision-recall curve."""
    labels, scores = joined([video for video in videos if has_frame_truth(video)])
    if not labels.any():
        return []
    precision, recall, _ = precision_recall_curve(labels, scores)
    return _thinned(recall[::-1], precision[::-1], count)


def _thinned(x: Scores, y: Scores, count: int) -> list[tuple[float, float]]:
    index = np.unique(np.linspace(0, len(x) - 1, min(count, len(x))).round().astype(int))
    return [(float(x[i]), float(y[i])) for i in index]
