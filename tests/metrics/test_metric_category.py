"""Category metrics: by hand, and against scikit-learn on videos repeated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from pipeline.metrics.category import accuracy, mean_ap
from pipeline.metrics.scored import ScoredVideo
from tests.metrics.plain_frames import NAN, make_video, ones, repeated

CATEGORIES = ("Fighting", "Fire", "Panic")
Weighted = tuple[list[ScoredVideo], list[list[int]]]


def classified(shown: str, *probability: float) -> ScoredVideo:
    """A video of the categories joined in `shown`."""
    return make_video(
        "v", 4, [0.5], categories=shown.split("+") if shown else [], category_prob=probability
    )


def test_accuracy_counts_abnormal_videos_whose_first_choice_is_one_of_theirs() -> None:
    videos = [
        classified("Fire", 0.2, 0.9, 0.3),  # right
        classified("Fire+Panic", 0.1, 0.2, 0.3),  # right, by its second
        classified("Fighting", 0.2, 0.9, 0.3),  # wrong
        classified("Panic", 0.4, 0.1, 0.4),  # of equals the first listed: wrong
        classified("", 0.9, 0.1, 0.1),  # normal: not asked
    ]
    assert accuracy(videos, CATEGORIES, ones(videos)).tolist() == [2 / 4]
    weights = np.array([[3.0, 0.0, 1.0, 1.0, 9.0], [0.0, 0.0, 0.0, 0.0, 5.0]])
    np.testing.assert_allclose(accuracy(videos, CATEGORIES, weights), [3 / 5, np.nan])


def test_mean_ap_ranks_abnormal_videos_by_each_category() -> None:
    videos = [
        classified("Fire", 0.8, 0.6, 0.0),
        classified("Fighting", 0.7, 0.8, 0.0),
        classified("Fighting+Fire", 0.1, 0.5, 0.0),
        classified("", 1.0, 1.0, 1.0),  # normal: not ranked
    ]
    # Fighting: videos 2 and 3 at ranks 2 and 3; Fire: videos 1 and 3 at ranks 2 and 3;
    # no video shows Panic
    each = (1 / 2 + 2 / 3) / 2
    assert mean_ap(videos, CATEGORIES, ones(videos)).tolist() == pytest.approx([each])
    # without videos 2 and 3 no video shows Fighting, and Fire is first of one
    weights = np.array([[1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 4.0]])
    np.testing.assert_allclose(mean_ap(videos, CATEGORIES, weights), [1.0, np.nan])


@st.composite
def weighted_videos(draw: st.DrawFn) -> Weighted:
    """Up to six videos; probabilities in quarters, so that many are equal."""
    subsets = ["", *CATEGORIES, "Fighting+Fire", "Fire+Panic"]
    quarters = st.lists(st.integers(0, 4), min_size=3, max_size=3)
    videos = [
        classified(draw(st.sampled_from(subsets)), *(q / 4 for q in draw(quarters)))
        for _ in range(draw(st.integers(0, 6)))
    ]
    row = st.lists(st.integers(0, 3), min_size=len(videos), max_size=len(videos))
    return videos, [[1] * len(videos), *draw(st.lists(row, max_size=3))]


def plain_accuracy(videos: list[ScoredVideo]) -> float:
    right = []
    for video in videos:
        assert video.category_prob is not None
        numbers = video.category_prob.tolist()
        if video.categories:
            right.append(CATEGORIES[numbers.index(max(numbers))] in video.categories)
    return sum(right) / len(right) if right else NAN


def plain_mean_ap(videos: list[ScoredVideo]) -> float:
    abnormal = [video for video in videos if video.categories]
    values = []
    for c, name in enumerate(CATEGORIES):
        shown = [name in video.categories for video in abnormal]
        ranks = [float(v.category_prob[c]) for v in abnormal if v.category_prob is not None]
        if any(shown):
            values.append(average_precision_score(shown, ranks))
    return sum(values) / len(values) if values else NAN


@given(weighted_videos())
def test_against_plain_loops_and_scikit_learn(test_set: Weighted) -> None:
    videos, times = test_set
    weights = np.array(times, dtype=np.float64)
    there = [repeated(videos, row) for row in times]
    found = accuracy(videos, CATEGORIES, weights)
    np.testing.assert_allclose(found, [plain_accuracy(each) for each in there])
    found = mean_ap(videos, CATEGORIES, weights)
    np.testing.assert_allclose(found, [plain_mean_ap(each) for each in there])
