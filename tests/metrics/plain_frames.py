"""Frame metrics once more: every frame written out by plain loops, and scikit-learn on them."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score

from pipeline.metrics.scored import Floats, GtLength, ScoredVideo, Undefined
from pipeline.metrics.values import Values

CATEGORIES = ("Fighting", "Fire")
NAN = float("nan")
Frames = tuple[list[bool], list[float]]  # labels and scores


def make_video(
    name: str,
    n_frames: int,
    scores: Sequence[float],
    *events: tuple[int, int],
    categories: Sequence[str] | None = None,
    category_prob: Sequence[float] | None = None,
) -> ScoredVideo:
    """A video that shows "Fire" where it has events, unless `categories` are given."""
    shown = tuple(categories) if categories is not None else ("Fire",) * bool(events)
    marked = tuple((start, end, shown[0]) for start, end in events)
    probability = None if category_prob is None else np.array(category_prob, dtype=np.float64)
    return ScoredVideo(
        name, n_frames, np.array(scores, dtype=np.float64), shown, marked, probability
    )


def ones(videos: Sequence[ScoredVideo]) -> Floats:
    """The weights of the plain test set alone."""
    return np.ones((1, len(videos)))


def plain(values: Values) -> float:
    """The plain value of a metric that must have one."""
    assert not isinstance(values, Undefined), values
    return float(values[0])


def reason(values: Values) -> str:
    """Why a metric that must have no value has none."""
    assert isinstance(values, Undefined), values
    return values.reason


def plain_frames(videos: Sequence[ScoredVideo], gt_length: GtLength = "frames") -> Frames:
    """Labels and scores of the frames of videos whose events are known, one by one."""
    labels, scores = [], []
    for video in videos:
        if video.categories and not video.events:
            continue
        n, t = video.n_frames, len(video.scores)
        for frame in range(n if gt_length == "frames" else 16 * ((n - 1) // 16)):
            labels.append(any(start <= frame < end for start, end, _ in video.events))
            (snippet,) = [i for i in range(t) if i * n // t <= frame < (i + 1) * n // t]
            scores.append(float(video.scores[snippet]))
    return labels, scores


def sklearn_auc(frames: Frames) -> float:
    """Not a number where frames of either kind are absent."""
    return float(roc_auc_score(*frames)) if len(set(frames[0])) == 2 else NAN


def sklearn_ap(frames: Frames) -> float:
    return float(average_precision_score(*frames)) if any(frames[0]) else NAN


def sklearn_trapezoid(frames: Frames) -> float:
    if not any(frames[0]):
        return NAN
    precision, recall, _ = precision_recall_curve(*frames)
    return float(auc(recall, precision))


def repeated(videos: Sequence[ScoredVideo], times: Sequence[int]) -> list[ScoredVideo]:
    """Each video as often as `times` says: 0 leaves it out."""
    return [video for video, count in zip(videos, times, strict=True) for _ in range(count)]


@st.composite
def scored_videos_of(draw: st.DrawFn) -> ScoredVideo:
    """Up to 70 frames, 1 to 12 snippets, few distinct scores, up to four events of any overlap.

    An abnormal video may show both categories, and may have no event.
    """
    n_frames = draw(st.integers(1, 12) | st.integers(1, 70))
    scores = draw(st.lists(st.integers(-2, 4), min_size=1, max_size=12))
    shown = draw(st.sampled_from([(), (), ("Fire",), ("Fighting",), CATEGORIES]))
    events = []
    for _ in range(draw(st.integers(0, 4)) if shown else 0):
        start = draw(st.integers(0, n_frames - 1))
        events.append((start, draw(st.integers(start + 1, n_frames))))
    return make_video("v", n_frames, [s / 4 for s in scores], *events, categories=shown)


TEST_SETS = st.lists(scored_videos_of(), min_size=0, max_size=6)
GT_LENGTHS: st.SearchStrategy[GtLength] = st.sampled_from(["frames", "floor16"])


@st.composite
def weighted_test_sets(draw: st.DrawFn) -> tuple[list[ScoredVideo], list[list[int]]]:
    """A test set, and up to four rows of weights after a row of ones."""
    videos = draw(TEST_SETS)
    row = st.lists(st.integers(0, 3), min_size=len(videos), max_size=len(videos))
    return videos, [[1] * len(videos), *draw(st.lists(row, max_size=4))]
