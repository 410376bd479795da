"""Scored videos from manifest rows, bag scores, and frames counted by snippet."""

import numpy as np
import pytest
from hypothesis import given

from pipeline.metrics.scored import GtLength, ScoredVideo, bag_score, count_frames, scored_videos
from tests.metrics.plain_frames import GT_LENGTHS, TEST_SETS, make_video, plain_frames

ROWS = [
    {"video_id": "n", "n_frames": 9, "categories": [], "events": []},
    {
        "video_id": "a",
        "n_frames": 8,
        "categories": ["Fire", "Panic"],
        "events": [{"start": 2, "end": 5, "category": "Fire"}],
    },
    {"video_id": "u", "n_frames": 7, "categories": ["Fire"], "events": []},
]
SCORES = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], dtype=np.float32)


def counted(*videos: ScoredVideo, gt_length: GtLength = "frames") -> list[tuple[float, ...]]:
    """(video, score, abnormal frames, normal frames) of each snippet."""
    frames = count_frames(videos, gt_length)
    columns = (frames.video, frames.score, frames.positive, frames.negative)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_scored_videos_come_from_manifest_rows() -> None:
    found = scored_videos(ROWS, SCORES, np.array([[1, 2], [3, 4], [5, 6]], dtype=np.float32))
    assert [(v.video_id, v.n_frames, v.categories, v.events) for v in found] == [
        ("n", 9, (), ()),
        ("a", 8, ("Fire", "Panic"), ((2, 5, "Fire"),)),
        ("u", 7, ("Fire",), ()),
    ]
    assert [(v.abnormal, v.has_frame_truth) for v in found] == [
        (False, True),
        (True, True),
        (True, False),
    ]
    assert found[1].scores.dtype == np.float64
    assert found[1].scores.tolist() == pytest.approx([0.3, 0.4])
    assert found[1].category_prob is not None
    assert found[1].category_prob.dtype == np.float64
    assert found[1].category_prob.tolist() == [3, 4]
    assert all(video.category_prob is None for video in scored_videos(ROWS, SCORES))


def test_there_must_be_as_many_scores_as_rows() -> None:
    with pytest.raises(ValueError, match="zip"):
        scored_videos(ROWS, SCORES[:2])


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_is_an_error_that_names_the_video(wrong: float) -> None:
    scores, probability = SCORES.copy(), np.zeros((3, 2))
    scores[1, 1] = wrong
    with pytest.raises(ValueError, match=r"^a: a score or category probability is not finite$"):
        scored_videos(ROWS, scores)
    probability[2, 0] = wrong
    with pytest.raises(ValueError, match=r"^u: a score or category probability is not finite$"):
        scored_videos(ROWS, SCORES, probability)


def test_bag_score_is_the_mean_of_the_top_k() -> None:
    assert bag_score(make_video("v", 9, [0.1, 0.9, 0.3])) == 0.9  # k = 1
    scores = [0.0] * 29 + [0.3, 0.9, 0.6]
    assert bag_score(make_video("v", 64, scores)) == pytest.approx(0.6)  # k = 3 of 32


def test_scores_hold_for_exactly_their_frames() -> None:
    assert counted(make_video("v", 7, [1, 2, 3])) == [(0, 1, 0, 2), (0, 2, 0, 2), (0, 3, 0, 3)]


def test_snippets_without_frames_are_left_out() -> None:
    # 3 frames in 5 snippets: the first and the third are empty
    found = counted(make_video("v", 3, [1, 2, 3, 4, 5], (1, 2)))
    assert found == [(0, 2, 0, 1), (0, 4, 1, 0), (0, 5, 0, 1)]


def test_events_are_half_open_and_their_frames_count_once() -> None:
    # abnormal: 0, 1, 2 (overlapping), 6, 7; snippets of two frames
    scores = [1, 2, 3, 4]
    expected = [(0, 1, 2, 0), (0, 2, 1, 1), (0, 3, 0, 2), (0, 4, 2, 0)]
    assert counted(make_video("v", 8, scores, (0, 2), (1, 3), (6, 8))) == expected
    assert counted(make_video("v", 8, scores, (6, 8), (1, 3), (0, 2))) == expected  # any order
    assert counted(make_video("v", 8, scores, (0, 3), (1, 2), (6, 8))) == expected  # nested
    assert counted(make_video("v", 8, scores, (0, 2), (2, 3), (6, 7), (7, 8))) == expected
    assert counted(make_video("v", 8, scores, (0, 3), (6, 8), (6, 8))) == expected  # twice


def test_videos_without_known_events_are_left_out_and_numbers_stay_theirs() -> None:
    unknown = make_video("u", 4, [5], categories=["Fire"])
    found = counted(make_video("n", 2, [1]), unknown, make_video("a", 2, [2], (0, 1)))
    assert found == [(0, 1, 0, 2), (2, 2, 1, 1)]
    assert counted(unknown) == counted() == []


@pytest.mark.parametrize(
    ("n_frames", "kept"), [(1, 0), (16, 0), (17, 16), (32, 16), (33, 32), (40, 32)]
)
def test_floor16_keeps_whole_clips_before_the_last_frame(n_frames: int, kept: int) -> None:
    frames = count_frames([make_video("v", n_frames, [0.5])], "floor16")
    assert frames.negative.sum() == kept
    assert count_frames([make_video("v", n_frames, [0.5])]).negative.sum() == n_frames


def test_floor16_cuts_ground_truth_and_leaves_scores_where_they_are() -> None:
    # snippets [0, 10), [10, 20), [20, 30), [30, 40); the cut is at 32, the event [28, 36)
    video = make_video("v", 40, [1, 2, 3, 4], (28, 36))
    assert counted(video, gt_length="floor16") == [
        (0, 1, 0, 10),
        (0, 2, 0, 10),
        (0, 3, 2, 8),
        (0, 4, 2, 0),
    ]
    beyond = make_video("v", 40, [1, 2, 3, 4], (33, 36))  # its frames are known all the same
    assert [row[2:] for row in counted(beyond, gt_length="floor16")] == [
        (0, 10),
        (0, 10),
        (0, 10),
        (0, 2),
    ]


@given(TEST_SETS, GT_LENGTHS)
def test_counts_are_those_of_the_frames_written_out(
    videos: list[ScoredVideo], gt_length: GtLength
) -> None:
    for number, video in enumerate(videos):
        labels, scores = plain_frames([video], gt_length)
        written = list(zip(scores, labels, strict=True))
        frames = count_frames(videos, gt_length)
        own = frames.video == number
        found: list[tuple[float, bool]] = []
        for score, positive, negative in zip(
            frames.score[own], frames.positive[own], frames.negative[own], strict=True
        ):
            found += [(score, True)] * int(positive) + [(score, False)] * int(negative)
        assert sorted(found) == sorted(written)
        assert (frames.positive[own] + frames.negative[own] > 0).all()
