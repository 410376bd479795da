"""Areas from counts and weights: scikit-learn on videos repeated, frame by frame."""

import numpy as np
import pytest
from hypothesis import given

from pipeline.metrics import ranking
from pipeline.metrics.ranking import PairCounts, PrecisionRecall, quotient
from pipeline.metrics.scored import Floats, FrameCounts, GtLength, ScoredVideo, count_frames
from tests.metrics.plain_frames import (
    GT_LENGTHS,
    plain_frames,
    repeated,
    sklearn_ap,
    sklearn_auc,
    sklearn_trapezoid,
    weighted_test_sets,
)

Weighted = tuple[list[ScoredVideo], list[list[int]]]
# Video 0: abnormal frames 3 of score 2, 1 of 0; normal 1 of 2. Video 1: normal, 2 of 2, 4 of 1.
COUNTS = FrameCounts(
    score=np.array([2.0, 0.0, 1.0, 2.0]),
    video=np.array([0, 0, 1, 1]),
    positive=np.array([3.0, 1.0, 0.0, 0.0]),
    negative=np.array([1.0, 0.0, 4.0, 2.0]),
)


def test_pairs_by_hand() -> None:
    pairs = PairCounts(COUNTS, 2)
    assert pairs.abnormal.tolist() == [0]
    assert pairs.positive.tolist() == [4, 0]
    assert pairs.negative.tolist() == [1, 6]
    # against video 0: 3 ties; against video 1: each of 3 beats 4 and ties 2
    assert pairs.wins.tolist() == [[1.5, 3 * (4 + 1)]]
    weights = np.array([[1.0, 1.0], [2.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    expected = [16.5 / 28, (4 * 1.5 + 2 * 15) / (8 * 8), 1.5 / 4, np.nan]
    np.testing.assert_allclose(pairs.auc(weights), expected)
    np.testing.assert_allclose(pairs.auc(weights[:1], np.array([1.0, 0.0])), [1.5 / 4])


def test_precision_and_recall_by_hand() -> None:
    step, trapezoid = PrecisionRecall(COUNTS).areas(np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]))
    # from the top: 3 of 6 at score 2, 3 of 10 at 1, 4 of 11 at 0
    # video 0 alone: 3 of 4, then 4 of 5
    np.testing.assert_allclose(step, [3 / 4 / 2 + 4 / 11 / 4, 3 / 4 * 3 / 4 + 4 / 5 / 4, np.nan])
    expected = [
        3 / 4 * (1 + 1 / 2) / 2 + (3 / 10 + 4 / 11) / 2 / 4,
        3 / 4 * (1 + 3 / 4) / 2 + (3 / 4 + 4 / 5) / 2 / 4,
        np.nan,
    ]
    np.testing.assert_allclose(trapezoid, expected)


@given(weighted_test_sets(), GT_LENGTHS)
def test_a_weight_is_how_often_a_video_is_there(test_set: Weighted, gt_length: GtLength) -> None:
    videos, times = test_set
    weights = np.array(times, dtype=np.float64)
    frames = count_frames(videos, gt_length)
    written = [plain_frames(repeated(videos, row), gt_length) for row in times]
    pairs = PairCounts(frames, len(videos))
    np.testing.assert_allclose(pairs.auc(weights), [sklearn_auc(each) for each in written])
    step, trapezoid = PrecisionRecall(frames).areas(weights)
    np.testing.assert_allclose(step, [sklearn_ap(each) for each in written])
    np.testing.assert_allclose(trapezoid, [sklearn_trapezoid(each) for each in written])


@given(weighted_test_sets())
def test_videos_that_are_not_chosen_are_not_there(test_set: Weighted) -> None:
    videos, times = test_set
    chosen = [int("Fire" in video.categories) for video in videos]
    written = [
        plain_frames(repeated(videos, [t * c for t, c in zip(row, chosen, strict=True)]))
        for row in times
    ]
    pairs = PairCounts(count_frames(videos), len(videos))
    found = pairs.auc(np.array(times, dtype=np.float64), np.array(chosen, dtype=np.float64))
    np.testing.assert_allclose(found, [sklearn_auc(each) for each in written])


def test_snippets_may_stand_in_any_order() -> None:
    rng = np.random.default_rng(0)
    video, score = rng.integers(0, 6, 40), rng.integers(0, 9, 40) / 8
    positive, negative = (rng.integers(0, 3, 40).astype(np.float64) for _ in range(2))
    weights = rng.integers(0, 3, (4, 6)).astype(np.float64)
    by_video = np.argsort(video, kind="stable")
    found = []
    for order in (np.arange(40), by_video):
        frames = FrameCounts(score[order], video[order], positive[order], negative[order])
        areas = PrecisionRecall(frames).areas(weights)
        found.append([PairCounts(frames, 6).auc(weights), *areas])
    np.testing.assert_allclose(found[0], found[1])


@pytest.mark.parametrize("chunk", [1, 9, 60, 2_000_000])
def test_what_is_held_at_a_time_changes_nothing(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    frames = FrameCounts(
        rng.integers(0, 9, 30) / 8, rng.integers(0, 5, 30), rng.random(30), rng.random(30)
    )
    weights = rng.integers(0, 3, (7, 5)).astype(np.float64)
    whole = PrecisionRecall(frames).areas(weights)
    monkeypatch.setattr(ranking, "CHUNK", chunk)
    sizes: list[int] = []
    areas = PrecisionRecall._areas

    def noted(own: PrecisionRecall, part: Floats) -> tuple[Floats, Floats]:
        sizes.append(len(part))
        return areas(own, part)

    monkeypatch.setattr(PrecisionRecall, "_areas", noted)
    found = PrecisionRecall(frames).areas(weights)
    np.testing.assert_array_equal(found[0], whole[0])
    np.testing.assert_array_equal(found[1], whole[1])
    assert sizes == {1: [1] * 7, 9: [1] * 7, 60: [2, 2, 2, 1], 2_000_000: [7]}[chunk]


def test_no_frames_give_no_number() -> None:
    empty = FrameCounts(np.zeros(0), np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    for n_videos in (0, 2):
        weights = np.ones((3, n_videos))
        assert np.isnan(PairCounts(empty, n_videos).auc(weights)).tolist() == [True] * 3
        for areas in PrecisionRecall(empty).areas(weights):
            assert np.isnan(areas).tolist() == [True] * 3


def test_a_million_frames_are_counted_exactly() -> None:
    # 10^6 abnormal frames tie with 10^6 + 1 normal ones and beat one
    frames = FrameCounts(
        np.array([0.5, 0.5, 0.1]), np.array([0, 1, 2]),
        np.array([1e6, 0, 0]), np.array([0, 1e6 + 1, 1]),
    )  # fmt: skip
    found = PairCounts(frames, 3).auc(np.ones((1, 3)))
    assert found.tolist() == [(1e6 * (1e6 + 1) / 2 + 1e6) / (1e6 * (1e6 + 2))]


def test_a_quotient_by_nothing_is_no_number() -> None:
    found = quotient(np.array([1.0, 1.0, 0.0]), np.array([2.0, 0.0, 4.0]))
    np.testing.assert_array_equal(found, [0.5, np.nan, 0.0])
