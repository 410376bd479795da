"""Segments of curves, their rank, and what they meet: by hand, and against sets of frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics.segments import (
    ClassifiedVideo,
    iou,
    match,
    matched,
    ranked_segments,
    video_segments,
)
from tests.metrics.plain_detection import (
    TEST_SETS,
    classified_videos,
    make_video,
    plain_iou,
    plain_segments,
)

FLAT = 0.5  # a constant curve


def found(video: ClassifiedVideo) -> list[tuple[int, int, int, float]]:
    """(class, start, end, score) of each segment."""
    each = video_segments(video)
    columns = (each.classes, each.starts, each.ends, each.scores)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_runs_by_hand() -> None:
    # Frames 0-1 0.1, 2-3 0.9, 4-5 0.6, 6-7 0.2, 8-9 0.8; the threshold is 0.9 - 0.48 = 0.42.
    video = make_video("v", 10, [[FLAT] * 5, [0.1, 0.9, 0.6, 0.2, 0.8]])
    assert found(video) == [
        (1, 2, 6, pytest.approx(0.9 + 0.7 * 0.9)),
        (1, 8, 10, pytest.approx(0.8 + 0.7 * 0.9)),
    ]


def test_frames_at_the_threshold_are_outside() -> None:
    assert found(make_video("v", 8, [[FLAT] * 4, [0.0, 0.4, 1.0, 0.4]])) == [(1, 4, 6, 1.7)]
    assert found(make_video("v", 8, [[FLAT] * 4, [0.0, 0.41, 1.0, 0.4]])) == [(1, 2, 6, 1.7)]


def test_a_run_needs_two_frames() -> None:
    # 7 frames in 4 snippets: [0, 1), [1, 3), [3, 5), [5, 7)
    assert found(make_video("v", 7, [[FLAT] * 4, [1.0, 0.0, 0.0, 0.0]])) == []
    assert found(make_video("v", 7, [[FLAT] * 4, [0.0, 1.0, 0.0, 0.0]])) == [(1, 1, 3, 1.7)]
    assert found(make_video("v", 7, [[FLAT] * 4, [1.0, 1.0, 0.0, 0.0]])) == [(1, 0, 3, 1.7)]


def test_snippets_without_frames_neither_part_a_run_nor_set_its_height() -> None:
    # 4 frames in 6 snippets: 0 and 3 are empty, frames 0..3 are those of snippets 1, 2, 4, 5
    video = make_video("v", 4, [[FLAT] * 6, [9.0, 0.6, 0.8, -9.0, 0.8, 0.0]])
    assert found(video) == [(1, 0, 3, pytest.approx(0.8 + 0.7 * 0.8))]


def test_the_video_class_score_is_the_mean_of_a_sixteenth_of_the_frames() -> None:
    # 64 frames: 4 count, of 2-frame snippets 0.9, 0.7
    curve = [0.0] * 32
    curve[3], curve[4], curve[20] = 0.9, 0.7, 0.5
    scores = [score for *_, score in found(make_video("v", 64, [[FLAT] * 32, curve]))]
    assert scores == pytest.approx([0.9 + 0.7 * 0.8, 0.5 + 0.7 * 0.8])
    # 60 frames: 3 count, of snippets of 12 frames; 95 frames: 5 count, 19 in each snippet
    for n_frames in (60, 95):
        (segment,) = found(make_video("v", n_frames, [[FLAT] * 5, [0.0, 0.0, 0.9, 0.7, 0.0]]))
        assert segment[-1] == pytest.approx(0.9 + 0.7 * 0.9)
    # 96 frames: 6 count, the highest snippet has 3 of them
    curve = [0.0, 0.9, 0.3] + [0.0] * 29
    (segment,) = found(make_video("v", 96, [[FLAT] * 32, curve]))
    assert segment[-1] == pytest.approx(0.9 + 0.7 * (3 * 0.9 + 3 * 0.3) / 6)


def test_a_constant_curve_has_no_segment() -> None:
    assert found(make_video("v", 30, [[1.0] * 3, [0.0] * 3], (0, 30, -1))) == []


def test_a_class_score_of_zero_or_less_has_no_segment() -> None:
    # 32 frames, 2 count: -0.5 and 0.5 have mean 0
    curve = [0.5] + [-0.5] * 31
    assert found(make_video("v", 32, [[FLAT] * 32, curve])) == []
    assert found(make_video("v", 32, [[FLAT] * 4, [-0.1, -0.9, -0.9, -0.9]])) == []
    assert len(found(make_video("v", 32, [[FLAT] * 4, [0.1, -0.9, -0.9, -0.9]]))) == 1


def test_segments_of_a_video_of_any_length_take_no_frames() -> None:
    n_frames = 32 * 10**14
    (segment,) = found(make_video("v", n_frames, [[FLAT] * 32, [0.0] * 31 + [1.0]]))
    assert segment == (1, 31 * 10**14, n_frames, pytest.approx(1.0 + 0.7 / 2))


def test_a_peak_is_of_its_own_class_and_run() -> None:
    low, high = [0.0, 0.2, 0.0, 0.1], [0.9, 1.8, 0.9, 0.9]
    scores = [score for *_, score in found(make_video("v", 8, [low, high, [FLAT] * 4]))]
    assert scores == pytest.approx([0.2 + 0.7 * 0.2, 0.1 + 0.7 * 0.2, 1.8 + 0.7 * 1.8])


@given(classified_videos(2))
def test_segments_against_frames(video: ClassifiedVideo) -> None:
    expected = [
        (klass, min(each.frames), max(each.frames) + 1, pytest.approx(each.score))
        for klass in range(3)
        for each in plain_segments(video, klass)
    ]
    assert found(video) == expected


def test_segments_rank_by_class_then_score_then_video_then_start() -> None:
    late = make_video("l", 8, [[1, 0, 0, 0], [0, 1, 0, 1]])
    high = make_video("h", 8, [[0, 0, 0, 2], [0, 0, 2, 0]])
    again = make_video("a", 8, [[0, 0, 0, 2], [1, 0, 1, 0]])
    segments, owners = ranked_segments([late, high, again])
    ranked = zip(segments.classes.tolist(), owners.tolist(), segments.starts.tolist(), strict=True)
    assert list(ranked) == [
        (0, 1, 6),
        (0, 2, 6),
        (0, 0, 0),
        (1, 1, 4),
        (1, 0, 2),
        (1, 0, 6),
        (1, 2, 0),
        (1, 2, 4),
    ]


@given(TEST_SETS)
def test_ranked_segments_are_all_segments_with_their_videos(videos: list[ClassifiedVideo]) -> None:
    segments, owners = ranked_segments(videos)
    columns = (segments.classes, -segments.scores, owners, segments.starts, segments.ends)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    assert rows == sorted(rows)
    expected = [
        (klass, -score, number, start, end)
        for number, video in enumerate(videos)
        for klass, start, end, score in found(video)
    ]
    assert rows == sorted(expected)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 10), (0, 10), 1.0),
        ((0, 10), (5, 15), 5 / 15),
        ((0, 10), (2, 3), 1 / 10),
        ((0, 10), (10, 20), 0.0),
        ((0, 10), (50, 60), 0.0),
    ],
)
def test_iou_by_hand(first: tuple[int, int], second: tuple[int, int], expected: float) -> None:
    assert iou(first, second) == iou(second, first) == expected


INTERVALS = st.tuples(st.integers(0, 40), st.integers(1, 40)).map(lambda x: (x[0], x[0] + x[1]))


@given(INTERVALS, INTERVALS)
def test_iou_against_sets(first: tuple[int, int], second: tuple[int, int]) -> None:
    assert iou(first, second) == plain_iou(frozenset(range(*first)), frozenset(range(*second)))


def test_an_event_is_met_once_by_the_first_in_rank() -> None:
    assert match([(0, 10), (0, 10)], [(0, 10)], 0.5) == [True, False]
    assert match([(5, 10), (0, 10)], [(0, 10)], 0.6) == [False, True]
    assert match([(0, 10), (0, 10), (0, 10)], [(0, 10), (0, 10)], 0.5) == [True, True, False]
    assert match([(0, 10)], [], 0.1) == [False]
    assert match([], [(0, 10)], 0.1) == []


def test_a_segment_takes_the_event_it_overlaps_most() -> None:
    # (0, 10) overlaps (0, 9) more than (0, 5), and leaves (0, 5) to (0, 4).
    assert match([(0, 10), (0, 4)], [(0, 5), (0, 9)], 0.5) == [True, True]
    # Were (0, 5) taken first, (0, 9) would be left to (0, 4): IoU 4/9.
    assert match([(0, 5), (0, 4)], [(0, 5), (0, 9)], 0.5) == [True, False]
    # The best event is taken: the second best will do.
    assert match([(0, 10), (0, 10)], [(0, 10), (0, 5)], 0.5) == [True, True]
    assert match([(0, 10), (0, 10)], [(0, 10), (0, 5)], 0.51) == [True, False]


def test_of_equal_overlaps_the_first_listed_is_taken() -> None:
    segments = [(2, 8), (6, 10)]  # (2, 8) has 2 of 8 frames in common with both events
    assert match(segments, [(0, 4), (6, 10)], 0.25) == [True, True]
    assert match(segments, [(6, 10), (0, 4)], 0.25) == [True, False]


def test_the_threshold_itself_is_enough() -> None:
    for tenths in (1, 2, 3, 4, 5):
        assert match([(0, 10)], [(0, tenths)], tenths / 10) == [True]
        assert match([(0, 1000)], [(0, 100 * tenths - 1)], tenths / 10) == [False]


def test_segments_meet_events_of_their_own_video_and_class() -> None:
    rising, other = [0.0, 0.0, 1.0, 1.0], [FLAT] * 4
    event = (4, 8, 0)
    videos = [
        make_video("own", 8, [other, rising, other], event),
        make_video("other video", 8, [other, rising, other]),
        make_video("other class", 8, [other, other, rising], event),
        make_video("normal", 8, [rising, other, other], (4, 8, -1)),
        make_video("no normal", 8, [rising, other, other], event),
    ]
    segments, owners = ranked_segments(videos)
    met = matched(videos, segments, owners, [0.5, 1.0])
    assert owners.tolist() == [3, 4, 0, 1, 2]
    assert met.tolist() == [[True, False, True, False, False]] * 2


def test_each_threshold_has_its_own_row() -> None:
    videos = [make_video("v", 8, [[FLAT] * 4, [0.0, 0.0, 1.0, 1.0]], (5, 8, 0))]  # IoU 3/4
    segments, owners = ranked_segments(videos)
    assert matched(videos, segments, owners, [0.7, 0.8]).tolist() == [[True], [False]]


@pytest.mark.parametrize(
    "event", [(-1, 4, 0), (3, 3, 0), (5, 4, 0), (4, 9, 0), (0, 4, 1), (0, 4, -2)]
)
def test_events_outside_the_video_or_the_categories_are_an_error(
    event: tuple[int, int, int],
) -> None:
    with pytest.raises(ValueError, match=f"odd: event {event[0]} to {event[1]} of category"):
        make_video("odd", 8, [[FLAT] * 4] * 2, event)
    make_video("even", 8, [[FLAT] * 4] * 2, (0, 8, 0), (0, 8, -1))


@pytest.mark.parametrize("shape", [(4,), (4, 1), (0, 3), (2, 4, 3)])
def test_curves_of_another_shape_are_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="odd: expected frames and curves"):
        ClassifiedVideo("odd", 8, np.zeros(shape), ())


def test_videos_without_frames_are_an_error() -> None:
    with pytest.raises(ValueError, match="odd: expected frames and curves"):
        ClassifiedVideo("odd", 0, np.zeros((4, 2)), ())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_probabilities_that_are_not_finite_are_an_error(value: float) -> None:
    with pytest.raises(ValueError, match="odd: a probability is not finite"):
        make_video("odd", 8, [[0.0, 1.0], [0.5, value]])
