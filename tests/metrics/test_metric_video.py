"""Metrics of whole videos: by hand, and against scikit-learn on videos repeated."""

from typing import cast

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import roc_auc_score

from pipeline.metrics.scored import Floats, GtLength, ScoredVideo
from pipeline.metrics.video import false_alarm_rate, video_auc
from tests.metrics.plain_frames import (
    GT_LENGTHS,
    NAN,
    make_video,
    ones,
    plain,
    plain_frames,
    reason,
    repeated,
    weighted_test_sets,
)

Weighted = tuple[list[ScoredVideo], list[list[int]]]
ABNORMAL = make_video("a", 4, [0.9, 0.2], (1, 3))
NORMAL = make_video("n", 4, [0.1, 0.6])
UNMARKED = make_video("u", 50, [0.05, 0.05], categories=["Fire"])


def auc_of(*videos: ScoredVideo) -> float:
    return plain(video_auc(videos, ones(videos)))


def alarms_of(threshold: float, *videos: ScoredVideo, gt_length: GtLength = "frames") -> float:
    return plain(false_alarm_rate(videos, ones(videos), threshold, gt_length))


def test_videos_rank_by_their_bag_scores() -> None:
    assert auc_of(ABNORMAL, NORMAL) == 1.0
    assert auc_of(ABNORMAL, NORMAL, UNMARKED) == 0.5  # 0.9 beats 0.6, 0.05 does not
    assert auc_of(ABNORMAL, make_video("n", 4, [0.9, 0.0])) == 0.5  # a tie


def test_false_alarms_are_strictly_above_the_threshold() -> None:
    videos = [ABNORMAL, make_video("n", 4, [0.5, 0.5, 0.5, 0.7]), make_video("m", 4, [0.1])]
    assert alarms_of(0.5, *videos) == pytest.approx(1 / 8)
    assert alarms_of(0.49, *videos) == pytest.approx(4 / 8)


def test_false_alarms_under_floor16_are_those_of_the_frames_kept() -> None:
    video = make_video("n", 33, [0.1] * 32 + [0.9])  # its last frame is cut off
    assert alarms_of(0.5, video) == pytest.approx(1 / 33)
    assert alarms_of(0.5, video, gt_length="floor16") == 0.0


def plain_bag(video: ScoredVideo) -> float:
    k = len(video.scores) // 16 + 1
    return float(sum(sorted(video.scores.tolist(), reverse=True)[:k])) / k


@given(weighted_test_sets())
def test_video_auc_is_that_of_scikit_learn(test_set: Weighted) -> None:
    videos, times = test_set
    expected = []
    for row in times:
        there = repeated(videos, row)
        flags = [bool(video.categories) for video in there]
        bags = [plain_bag(video) for video in there]
        expected.append(roc_auc_score(flags, bags) if len(set(flags)) == 2 else NAN)
    found = video_auc(videos, np.array(times, dtype=np.float64))
    if np.isnan(expected[0]):
        assert reason(found).startswith("test videos: ")
    else:
        np.testing.assert_allclose(cast(Floats, found), expected)


@given(weighted_test_sets(), GT_LENGTHS)
def test_false_alarms_are_counted_frame_by_frame(test_set: Weighted, gt_length: GtLength) -> None:
    videos, times = test_set
    expected = []
    for row in times:
        normal = [video for video in repeated(videos, row) if not video.categories]
        _, scores = plain_frames(normal, gt_length)
        expected.append(sum(s > 0.25 for s in scores) / len(scores) if scores else NAN)
    found = false_alarm_rate(videos, np.array(times, dtype=np.float64), 0.25, gt_length)
    if np.isnan(expected[0]):
        assert reason(found) == "frames of normal test videos: none there"
    else:
        np.testing.assert_allclose(cast(Floats, found), expected)


@pytest.mark.parametrize(
    ("videos", "why"),
    [
        ([ABNORMAL, UNMARKED], "test videos: all abnormal"),
        ([NORMAL], "test videos: all normal"),
        ([], "test videos: none there"),
    ],
)
def test_video_auc_is_undefined_without_both_kinds(videos: list[ScoredVideo], why: str) -> None:
    assert reason(video_auc(videos, ones(videos))) == why


def test_false_alarms_are_undefined_without_frames_of_normal_videos() -> None:
    why = "frames of normal test videos: none there"
    short = make_video("n", 16, [0.5])
    for videos in ([], [ABNORMAL], [ABNORMAL, short]):
        assert reason(false_alarm_rate(videos, ones(videos), 0.5, "floor16")) == why
    assert alarms_of(0.4, short) == 1.0
