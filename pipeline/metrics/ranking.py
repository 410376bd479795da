"""ROC and precision-recall areas from counts, for many bootstrap resamples at once.

`weights` (R, V) says how often each of V videos counts in each of R resamples; a row of ones is
the plain test set. Each function equals scikit-learn's on the frames written out, one by one.
"""

import numpy as np

from pipeline.metrics.scored import Floats, FrameCounts

CHUNK = 100_000  # numbers held at a time: what fits a processor's cache is fastest


class PairCounts:
    """The pairs of an abnormal and a normal frame that the scores order rightly, by video.

    `wins` (V, V): for each video of the abnormal and each of the normal frame, how many pairs
    have the higher score on the abnormal side; an equal score counts half. The area under the ROC
    curve over any choice of videos, however weighted, is a quotient of sums of these. Memory is
    that of V x V numbers for the videos with abnormal frames.
    """

    def __init__(self, frames: FrameCounts, n_videos: int) -> None:
        self.positive = np.bincount(frames.video, frames.positive, n_videos).astype(float)  # (V,)
        self.negative = np.bincount(frames.video, frames.negative, n_videos).astype(float)  # (V,)
        self.abnormal = np.flatnonzero(self.positive)  # (A,)
        self.wins = np.zeros((len(self.abnormal), n_videos))
        held = np.flatnonzero(frames.positive)
        held = held[np.argsort(frames.video[held], kind="stable")]
        if not len(held):
            return
        first = np.searchsorted(frames.video[held], self.abnormal)
        score, count = frames.score[held], frames.positive[held]
        for video, below in _negatives_by_video(frames):
            self.wins[:, video] = np.add.reduceat(count * below(score), first)

    def auc(self, weights: Floats, chosen: Floats | None = None) -> Floats:
        """Area under the ROC curve (R,) over the videos where `chosen` (V,) is not 0.

        Not a number where there is no abnormal or no normal frame.
        """
        own = weights if chosen is None else weights * chosen
        rows = own[:, self.abnormal]
        right = ((own @ self.wins.T) * rows).sum(axis=1)
        pairs = (rows @ self.positive[self.abnormal]) * (own @ self.negative)
        return quotient(right, pairs)


class _Below:
    """How many of one video's normal frames score below a score, equal ones counted half."""

    def __init__(self, score: Floats, count: Floats) -> None:
        order = np.argsort(score, kind="stable")
        self.score = score[order]
        self.before = np.concatenate([[0.0], np.cumsum(count[order])])

    def __call__(self, score: Floats) -> Floats:
        lower = self.before[np.searchsorted(self.score, score, side="left")]
        upper = self.before[np.searchsorted(self.score, score, side="right")]
        mean: Floats = (lower + upper) / 2
        return mean


def _negatives_by_video(frames: FrameCounts) -> list[tuple[int, _Below]]:
    order = np.argsort(frames.video, kind="stable")
    videos, first = np.unique(frames.video[order], return_index=True)
    parts = np.split(order, first[1:])
    return [
        (int(video), _Below(frames.score[part], frames.negative[part]))
        for video, part in zip(videos, parts, strict=True)
    ]


class PrecisionRecall:
    """Precision and recall at each distinct score, from the highest down."""

    def __init__(self, frames: FrameCounts) -> None:
        order = np.argsort(-frames.score, kind="stable")
        self.video = frames.video[order]
        self.positive, self.negative = frames.positive[order], frames.negative[order]
        changes = np.diff(frames.score[order]) != 0
        self.first = np.concatenate([[0], np.flatnonzero(changes) + 1])

    def areas(self, weights: Floats) -> tuple[Floats, Floats]:
        """Average precision and trapezoidal area, (R,) each; not a number without abnormal frames.

        The first is scikit-learn's `average_precision_score`, the second its `auc(recall,
        precision)` of `precision_recall_curve`.
        """
        if not self.positive.any():
            return np.full(len(weights), np.nan), np.full(len(weights), np.nan)
        size = max(1, CHUNK // len(self.video))
        chunks = [self._areas(weights[i : i + size]) for i in range(0, len(weights), size)]
        step, trapezoid = (np.concatenate(each) for each in zip(*chunks, strict=True))
        return step, trapezoid

    def _areas(self, weights: Floats) -> tuple[Floats, Floats]:
        own = weights[:, self.video]  # (R, E)
        positive = np.add.reduceat(own * self.positive, self.first, axis=1)  # (R, G)
        negative = np.add.reduceat(own * self.negative, self.first, axis=1)
        found = positive.cumsum(axis=1)
        flagged = found + negative.cumsum(axis=1)
        precision = np.divide(found, flagged, out=np.ones_like(found), where=flagged > 0)
        before = np.pad(precision, ((0, 0), (1, 0)), constant_values=1)[:, :-1]
        total = found[:, -1]
        step = quotient((positive * precision).sum(axis=1), total)
        return step, quotient((positive * (precision + before) / 2).sum(axis=1), total)


def quotient(part: Floats, whole: Floats) -> Floats:
    """`part / whole`, not a number where `whole` is 0."""
    empty: Floats = np.full(len(part), np.nan)
    return np.divide(part, whole, out=empty, where=whole > 0)
