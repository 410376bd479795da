"""Temporal detection once more: frame by frame, with sets of frames, plain lists and loops."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from pipeline.metrics.detection import IOUS, ClassifiedVideo


def make_video(
    name: str, n_frames: int, curves: Sequence[Sequence[float]], *events: tuple[int, int, int]
) -> ClassifiedVideo:
    """A video from one curve per class, Normal first."""
    return ClassifiedVideo(name, n_frames, np.array(curves, dtype=np.float64).T, events)


@dataclass(frozen=True)
class PlainSegment:
    start: int
    frames: frozenset[int]
    score: float


def plain_segments(video: ClassifiedVideo, klass: int) -> list[PlainSegment]:
    """The segments of one class, from a value for each frame."""
    n, t = video.n_frames, len(video.curves)
    values = []
    for frame in range(n):
        (snippet,) = [i for i in range(t) if i * n // t <= frame < (i + 1) * n // t]
        values.append(float(video.curves[snippet, klass]))
    top = sorted(values, reverse=True)[: n // 16] if n >= 16 else [max(values)]
    class_score = sum(top) / len(top)
    if class_score <= 0:
        return []
    limit = max(values) - 0.6 * (max(values) - min(values))
    runs: list[list[int]] = [[]]
    for frame, value in enumerate(values):
        if value > limit:
            runs[-1].append(frame)
        else:
            runs.append([])
    return [
        PlainSegment(run[0], frozenset(run), max(values[i] for i in run) + 0.7 * class_score)
        for run in runs
        if len(run) >= 2
    ]


def plain_iou(first: frozenset[int], second: frozenset[int]) -> float:
    return len(first & second) / len(first | second)


def plain_average_precision(
    videos: Sequence[ClassifiedVideo], copies: Sequence[int], klass: int, threshold: float
) -> tuple[float, int, int]:
    """AP of one class with each video physically repeated; the numbers of events and segments.

    Copies of one segment are one group of equals: precision is taken at the group's end.
    """
    segments, events = [], {}
    for number, video in enumerate(videos):
        for copy in range(copies[number]):
            events[number, copy] = [
                frozenset(range(start, end))
                for start, end, category in video.events
                if category + 1 == klass
            ]
            for each in plain_segments(video, klass):
                segments.append((-each.score, number, each.start, copy, each.frames))
    segments.sort(key=lambda segment: segment[:4])
    n_events = sum(len(each) for each in events.values())
    met = []
    for _, number, _, copy, frames in segments:
        free = events[number, copy]
        best = None
        for event in free:
            if best is None or plain_iou(frames, event) > plain_iou(frames, best):
                best = event
        met.append(best is not None and plain_iou(frames, best) >= threshold)
        if met[-1]:
            free.remove(best)
    total = 0.0
    for rank, hit in enumerate(met):
        last = rank
        while last + 1 < len(segments) and segments[last + 1][:3] == segments[rank][:3]:
            last += 1
        if hit:
            total += sum(met[: last + 1]) / (last + 1)
    return (total / n_events if n_events else 0.0), n_events, len(segments)


def plain_mean_ap(
    videos: Sequence[ClassifiedVideo], copies: Sequence[int], *, compat: bool
) -> list[float]:
    """mAP at each IoU and their mean; NaN where no event is annotated."""
    classes = range(0 if compat else 1, videos[0].curves.shape[1])
    values = []
    for threshold in IOUS:
        found = [plain_average_precision(videos, copies, klass, threshold) for klass in classes]
        annotated = [ap for ap, n_events, _ in found if n_events]
        if not annotated:
            values.append(float("nan"))
        elif not compat:
            values.append(sum(annotated) / len(annotated))
        elif any(n_segments == 0 for _, _, n_segments in found):
            values.append(0.0)
        else:
            values.append(sum(annotated) / len(found))
    return [*values, sum(values) / len(values)]


@st.composite
def classified_videos(draw: st.DrawFn, n_categories: int) -> ClassifiedVideo:
    """Up to 80 frames in 1 to 9 snippets, and up to three events, which may overlap or repeat.

    Values are multiples of 1/8, so that sums are exact and scores tie; some are below 0.
    """
    n_frames = draw(st.integers(1, 12) | st.integers(1, 80))
    n_snippets = draw(st.integers(1, 9))
    curve = st.lists(st.integers(-2, 8), min_size=n_snippets, max_size=n_snippets)
    curves = [[value / 8 for value in draw(curve)] for _ in range(1 + n_categories)]
    events = []
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, n_frames - 1))
        end = draw(st.integers(start + 1, n_frames))
        events.append((start, end, draw(st.integers(-1, n_categories - 1))))
    return make_video("v", n_frames, curves, *events)


TEST_SETS = st.integers(1, 2).flatmap(
    lambda n_categories: st.lists(classified_videos(n_categories), min_size=1, max_size=5)
)
