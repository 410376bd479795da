"""Predicted segments of classified videos, and which of them meet an annotated event.

The definitions are those of VadCLIP's evaluation (Wu et al., AAAI 2024), per frame. A snippet's
value holds for exactly its frames, so runs of frames are found on snippets and frame counts.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.video.snippets import edges

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Interval = tuple[int, int]

NORMAL = -1  # the category of an event that annotates normality
DEPTH = 0.6  # a segment's frames lie above max - DEPTH * (max - min) of the curve
SHORTEST = 2  # frames of the shortest segment
VIDEO_SHARE = 0.7  # how much of the video's class score joins the segment's


@dataclass(frozen=True)
class ClassifiedVideo:
    """A test video: its snippets' class probabilities, its length and its annotated events.

    `curves` (T, 1 + C): probability of Normal, then of each category, by snippet. `events`:
    (start, end, category) in frames, half-open, category 0..C-1; or `NORMAL` for a span annotated
    as normal (VadCLIP's XD-Violence files mark each normal video so from end to end; its UCF-Crime
    files have none that counts). Raises `ValueError` naming the video for curves that are
    not finite or have another shape, and for events outside the video or the categories.
    """

    video_id: str
    n_frames: int
    curves: Floats
    events: tuple[tuple[int, int, int], ...]

    def __post_init__(self) -> None:
        shape = self.curves.shape
        if self.n_frames < 1 or len(shape) != 2 or shape[0] < 1 or shape[1] < 2:
            raise ValueError(
                f"{self.video_id}: expected frames and curves (T, 1 + C), "
                f"found {self.n_frames} frames and curves {shape}"
            )
        if not np.isfinite(self.curves).all():
            raise ValueError(f"{self.video_id}: a probability is not finite")
        for start, end, category in self.events:
            inside = 0 <= start < end <= self.n_frames
            if not inside or not NORMAL <= category < shape[1] - 1:
                raise ValueError(
                    f"{self.video_id}: event {start} to {end} of category {category} is not within "
                    f"{self.n_frames} frames and {shape[1] - 1} categories"
                )


@dataclass(frozen=True)
class Segments:
    """S predicted segments: class (0 is Normal), frames `[start, end)` and score, each (S,)."""

    classes: Ints
    starts: Ints
    ends: Ints
    scores: Floats


def video_segments(video: ClassifiedVideo) -> Segments:
    """The segments of one video, by class and then by start.

    A segment is a longest run of at least 2 frames that lie strictly above max - 0.6 * (max - min)
    of the class's curve; it scores its highest frame + 0.7 * the video's class score. A class whose
    video class score is not above 0 has no segment; nor has one of a constant curve, even
    where the event fills the video. Snippets without frames (n_frames < T) count for nothing.
    """
    cuts = np.array(edges(video.n_frames, len(video.curves)), dtype=np.int64)  # (T + 1,)
    held = np.diff(cuts) > 0
    starts, ends = cuts[:-1][held], cuts[1:][held]  # (H,)
    curves = video.curves[held].astype(np.float64)  # (H, 1 + C)
    class_scores = _video_class_scores(curves, ends - starts)  # (1 + C,)
    highest = curves.max(axis=0)
    above = (curves > highest - DEPTH * (highest - curves.min(axis=0))) & (class_scores > 0)
    steps = np.diff(np.pad(above.T, ((0, 0), (1, 1))).astype(np.int8), axis=1)  # (1 + C, H + 1)
    classes, first = np.nonzero(steps == 1)
    _, behind = np.nonzero(steps == -1)  # the run is snippets first..behind - 1
    # From one run's start to the next one's, all that is not the run itself is -inf.
    only_runs = np.where(above, curves, -np.inf).T.ravel()
    peaks = np.maximum.reduceat(only_runs, classes * len(curves) + first)
    found = Segments(
        classes, starts[first], ends[behind - 1], peaks + VIDEO_SHARE * class_scores[classes]
    )
    return _chosen(found, found.ends - found.starts >= SHORTEST)


def _video_class_scores(curves: Floats, lengths: Ints) -> Floats:
    """Mean of the L // 16 highest of L frames by class; (H, K) curves, (H,) frames -> (K,).

    Ours: of fewer than 16 frames the highest one. VadCLIP takes the mean of nothing.
    """
    k = max(int(lengths.sum()) // 16, 1)
    order = np.argsort(-curves, axis=0)
    counts = lengths[order]  # (H, K) frames of each snippet, the highest snippet first
    before = np.cumsum(counts, axis=0) - counts
    taken = np.clip(k - before, 0, counts)
    total = (np.take_along_axis(curves, order, axis=0) * taken).sum(axis=0)
    return np.asarray(total / k, dtype=np.float64)


def _chosen(segments: Segments, index: npt.NDArray[Any]) -> Segments:
    return Segments(
        segments.classes[index],
        segments.starts[index],
        segments.ends[index],
        segments.scores[index],
    )


def ranked_segments(videos: Sequence[ClassifiedVideo]) -> tuple[Segments, Ints]:
    """The segments of all videos and each one's video (S,), by class and then by falling score.

    Equal scores stay in the order of the videos, then of the starts.
    """
    found = [video_segments(video) for video in videos]
    joined = Segments(
        np.concatenate([each.classes for each in found]),
        np.concatenate([each.starts for each in found]),
        np.concatenate([each.ends for each in found]),
        np.concatenate([each.scores for each in found]),
    )
    owners = np.repeat(np.arange(len(found)), [len(each.classes) for each in found])
    order = np.lexsort((-joined.scores, joined.classes))  # stable
    return _chosen(joined, order), owners[order]


def iou(first: Interval, second: Interval) -> float:
    """Frames in both intervals over frames in either; `[start, end)` of at least one frame."""
    common = max(min(first[1], second[1]) - max(first[0], second[0]), 0)
    return common / (first[1] - first[0] + second[1] - second[0] - common)


def match(found: Sequence[Interval], truth: Sequence[Interval], threshold: float) -> list[bool]:
    """Whether each interval of `found`, the best first, meets one of `truth`.

    It takes the interval that no earlier one has taken and that it overlaps most (of equals the
    first listed), if their IoU is at least `threshold`.
    """
    free, met = list(truth), []
    for interval in found:
        best = max(free, key=lambda event: iou(interval, event), default=None)
        met.append(best is not None and iou(interval, best) >= threshold)
        if best is not None and met[-1]:
            free.remove(best)
    return met


def matched(
    videos: Sequence[ClassifiedVideo], segments: Segments, owners: Ints, thresholds: Sequence[float]
) -> npt.NDArray[np.bool_]:
    """Whether each ranked segment meets an event of its video and class: (thresholds, S).

    What a segment meets does not depend on other videos, since each has its own events.
    """
    truth: dict[tuple[int, int], list[Interval]] = defaultdict(list)
    for number, video in enumerate(videos):
        for start, end, category in video.events:
            truth[number, category + 1].append((start, end))
    ranks: dict[tuple[int, int], list[int]] = defaultdict(list)
    for rank, key in enumerate(zip(owners.tolist(), segments.classes.tolist(), strict=True)):
        if key in truth:
            ranks[key].append(rank)
    met = np.zeros((len(thresholds), len(owners)), dtype=np.bool_)
    for key, own in ranks.items():
        found = [(int(segments.starts[rank]), int(segments.ends[rank])) for rank in own]
        for row, threshold in enumerate(thresholds):
            met[row, own] = match(found, truth[key], threshold)
    return met
