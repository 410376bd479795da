"""Scored test videos, and the frames that each snippet's score stands for.

A snippet's score holds for exactly its frames, so all that a metric needs of a video's frames is
how many abnormal and how many normal ones each snippet has: a test set of a million frames
is a table of some thousand rows, and the metrics from it are exact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.losses.mil import default_top_k
from pipeline.video.snippets import edges

Floats = npt.NDArray[np.float64]
GtLength = Literal["frames", "floor16"]


@dataclass(frozen=True)
class Undefined:
    """Why a metric has no value."""

    reason: str


@dataclass(frozen=True)
class ScoredVideo:
    """A test video: its length, its snippets' scores (T,), and its ground truth.

    `events` are `(start, end, category)`, frames `[start, end)` within the video. No categories
    means normal. An abnormal video without events has no frame ground truth: it counts for
    video metrics alone. `category_prob` (C,) or None: the head's probability of each category.
    """

    video_id: str
    n_frames: int
    scores: Floats
    categories: tuple[str, ...] = ()
    events: tuple[tuple[int, int, str], ...] = ()
    category_prob: Floats | None = None

    @property
    def abnormal(self) -> bool:
        """Whether the video shows an anomaly."""
        return bool(self.categories)

    @property
    def has_frame_truth(self) -> bool:
        """Whether it is known of every frame whether it is abnormal."""
        return not self.abnormal or bool(self.events)


def scored_videos(
    rows: Sequence[Mapping[str, Any]],
    scores: npt.NDArray[np.floating[Any]],
    category_prob: npt.NDArray[np.floating[Any]] | None = None,
) -> list[ScoredVideo]:
    """Test videos from their manifest rows, snippet scores (N, T), category probabilities (N, C).

    Raises `ValueError` naming the video whose score or probability is not finite.
    """
    videos = []
    for i, (row, own) in enumerate(zip(rows, scores, strict=True)):
        probability = None if category_prob is None else np.asarray(category_prob[i], np.float64)
        if not (np.isfinite(own).all() and (probability is None or np.isfinite(probability).all())):
            raise ValueError(f"{row['video_id']}: a score or category probability is not finite")
        events = tuple((e["start"], e["end"], e["category"]) for e in row["events"])
        videos.append(
            ScoredVideo(
                row["video_id"],
                row["n_frames"],
                np.asarray(own, dtype=np.float64),
                tuple(row["categories"]),
                events,
                probability,
            )
        )
    return videos


def bag_score(video: ScoredVideo) -> float:
    """The video's score: the mean of its T // 16 + 1 highest snippets, as in training."""
    return float(np.sort(video.scores)[-default_top_k(len(video.scores)) :].mean())


@dataclass(frozen=True)
class FrameCounts:
    """By snippet (E,): its score, its video's index, and its numbers of frames of either kind."""

    score: Floats
    video: npt.NDArray[np.int64]
    positive: Floats
    negative: Floats


def count_frames(videos: Sequence[ScoredVideo], gt_length: GtLength = "frames") -> FrameCounts:
    """The frames of all snippets of the videos whose frame ground truth is known.

    `video` indexes `videos`. Snippets without frames (a video shorter than T) are left out.
    `gt_length` "floor16" leaves out frames from 16 * floor((n - 1) / 16) on, as the ground-truth
    arrays of many code bases do (Sultani's 16-frame clips); scores stay where they are.
    """
    parts = [
        (video.scores, np.full(len(video.scores), i), *_counts(video, gt_length))
        for i, video in enumerate(videos)
        if video.has_frame_truth
    ]
    if not parts:
        return FrameCounts(np.zeros(0), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    score, index, positive, negative = (np.concatenate(each) for each in zip(*parts, strict=True))
    held = positive + negative > 0
    return FrameCounts(score[held], index[held], positive[held], negative[held])


def _counts(video: ScoredVideo, gt_length: GtLength) -> tuple[Floats, Floats]:
    """Abnormal and normal frames of each snippet (T,), frames of several events counted once."""
    cuts = np.array(edges(video.n_frames, len(video.scores)))
    if gt_length == "floor16":
        cuts = np.minimum(cuts, 16 * ((video.n_frames - 1) // 16))
    before = np.zeros(len(cuts))  # abnormal frames before each edge
    last = 0
    for start, end, _ in sorted(video.events):
        fresh = max(start, last)
        before += np.clip(cuts, fresh, max(fresh, end)) - fresh
        last = max(last, end)
    positive = np.diff(before)
    return positive, np.diff(cuts) - positive
