"""How well a head names the category of an abnormal video; every video needs `category_prob`."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.metrics.ranking import PrecisionRecall, quotient
from pipeline.metrics.scored import Floats, FrameCounts, ScoredVideo


def accuracy(videos: Sequence[ScoredVideo], categories: Sequence[str], weights: Floats) -> Floats:
    """Share of abnormal videos (R,) whose most probable category is one of theirs (top-1).

    Not a number without abnormal videos.
    """
    labels, probability = _matrices(videos, categories)
    best = probability.argmax(axis=1)  # (V,)
    right = labels[np.arange(len(videos)), best]
    abnormal = labels.any(axis=1)
    return quotient(weights @ (right & abnormal), weights @ abnormal)


def mean_ap(videos: Sequence[ScoredVideo], categories: Sequence[str], weights: Floats) -> Floats:
    """Mean over categories (R,) of the average precision of ranking abnormal videos by it.

    The measure where videos have several categories. A category that no video of a resample shows
    is left out of its mean; not a number where none is shown.
    """
    labels, probability = _matrices(videos, categories)
    abnormal = labels.any(axis=1)
    by_category = []
    for c in np.flatnonzero(labels.any(axis=0)):
        held = np.flatnonzero(abnormal)
        is_c = labels[held, c].astype(float)
        ranking = PrecisionRecall(FrameCounts(probability[held, c], held, is_c, 1 - is_c))
        by_category.append(ranking.areas(weights)[0])
    values = np.array(by_category).reshape(-1, len(weights))
    shown = ~np.isnan(values)
    return quotient(np.where(shown, values, 0).sum(axis=0), shown.sum(axis=0))


def _matrices(
    videos: Sequence[ScoredVideo], categories: Sequence[str]
) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Multi-hot labels (V, C) and probabilities (V, C)."""
    shown = [[name in video.categories for name in categories] for video in videos]
    labels = np.array(shown, dtype=np.bool_)
    probability = np.array([video.category_prob for video in videos], dtype=np.float64)
    shape = len(videos), len(categories)
    return labels.reshape(shape), probability.reshape(shape)
