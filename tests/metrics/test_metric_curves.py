"""Points of the frame curves: by hand, and scikit-learn on frames written out."""

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import precision_recall_curve, roc_curve

from pipeline.metrics.curves import pr_points, roc_points
from pipeline.metrics.scored import GtLength, ScoredVideo
from tests.metrics.plain_frames import GT_LENGTHS, TEST_SETS, make_video, plain_frames

ALL = 10**6
# Frames 0 and 1 of the abnormal video score 0.9, 2 and 3 score 0.2; its event is [1, 3).
ABNORMAL = make_video("a", 4, [0.9, 0.2], (1, 3))
NORMAL = make_video("n", 4, [0.1, 0.6])


def test_roc_points_by_hand() -> None:
    # thresholds 0.9, 0.6, 0.2, 0.1 over 2 positives, 6 negatives
    expected = [(0, 0), (1 / 6, 1 / 2), (3 / 6, 1 / 2), (4 / 6, 1), (1, 1)]
    found = roc_points([ABNORMAL, NORMAL], "frames", 99)
    assert np.array(found) == pytest.approx(np.array(expected))


def test_pr_points_by_hand() -> None:
    expected = [(0, 1), (0.5, 0.5), (0.5, 0.25), (1, 2 / 6), (1, 2 / 8)]
    found = pr_points([ABNORMAL, NORMAL], "frames", 99)
    assert np.array(found) == pytest.approx(np.array(expected))


@given(TEST_SETS, GT_LENGTHS)
def test_points_are_those_of_scikit_learn(videos: list[ScoredVideo], gt_length: GtLength) -> None:
    labels, scores = plain_frames(videos, gt_length)
    roc, pr = (curve(videos, gt_length, ALL) for curve in (roc_points, pr_points))
    if any(labels) and not all(labels):
        fpr, tpr, _ = roc_curve(labels, scores)
        np.testing.assert_allclose(roc, np.column_stack([fpr, tpr]))
    else:
        assert roc == []
    if any(labels):
        precision, recall, _ = precision_recall_curve(labels, scores)
        np.testing.assert_allclose(pr, np.column_stack([recall, precision])[::-1])
    else:
        assert pr == []


@pytest.mark.parametrize("count", [2, 3, 10, 50, 1000])
def test_thinned_curves_keep_their_ends_and_their_points(count: int) -> None:
    rng = np.random.default_rng(0)
    videos = [
        make_video(str(i), 64, rng.random(64).tolist(), *([(10, 40)] if i < 4 else []))
        for i in range(8)
    ]
    for curve in (roc_points, pr_points):
        whole, thin = curve(videos, "frames", ALL), curve(videos, "frames", count)
        assert len(thin) == min(count, len(whole))
        assert thin[0] == whole[0]
        assert thin[-1] == whole[-1]
        assert set(thin) <= set(whole)
        assert [x for x, _ in thin] == sorted(x for x, _ in thin)


def test_videos_without_known_events_are_not_drawn() -> None:
    unmarked = make_video("u", 50, [0.05, 0.5], categories=["Fire"])
    for curve in (roc_points, pr_points):
        assert curve([ABNORMAL, NORMAL, unmarked], "frames", 99) == curve(
            [ABNORMAL, NORMAL], "frames", 99
        )


def test_nothing_is_drawn_where_a_curve_is_undefined() -> None:
    whole = make_video("w", 4, [0.3, 0.4], (0, 4))
    for videos in ([], [NORMAL]):
        assert roc_points(videos, "frames", 10) == pr_points(videos, "frames", 10) == []
    assert roc_points([whole], "frames", 10) == []
    assert pr_points([whole], "frames", 10) == [(0, 1), (0.5, 1), (1, 1)]
