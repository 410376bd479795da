import numpy as np
import pytest

from pipeline.video.reading.indexed import InexactError, runs
from pipeline.video.reading.packets import Packets


def packets(pts: list[int], keys: list[int], cut: tuple[int, ...] = ()) -> Packets:
    times = np.array(pts, dtype=np.int64)
    shown = np.array([place for place in range(len(pts)) if place not in cut], dtype=np.int64)
    order = shown[np.argsort(times[shown])]
    return Packets(times, times, np.array(keys, dtype=np.int64), order)


# Decoding order I P B B | I P B B with closed groups, and with B-frames shown before the second I.
CLOSED = packets([0, 3, 1, 2, 4, 7, 5, 6], [0, 4])
OPEN = packets([0, 3, 1, 2, 6, 4, 5, 7], [0, 4])


def test_a_frame_is_decoded_from_the_keyframe_before_it() -> None:
    assert CLOSED.starts.tolist() == [0, 0, 0, 0, 4, 4, 4, 4]
    assert CLOSED.closed


def test_a_frame_shown_before_its_keyframe_is_decoded_from_the_one_before() -> None:
    assert OPEN.order.tolist() == [0, 2, 3, 1, 5, 6, 4, 7]
    assert OPEN.starts.tolist() == [0, 0, 0, 0, 0, 0, 4, 4]
    assert not OPEN.closed


def test_frames_that_an_edit_list_cuts_have_no_number() -> None:
    cut = packets([0, 3, 1, 2, 4, 7, 5, 6], [0, 4], cut=(0, 2))
    assert cut.n_frames == 6
    assert cut.times.tolist() == [2, 3, 4, 5, 6, 7]
    assert cut.starts.tolist() == [0, 0, 4, 4, 4, 4]


def test_only_groups_with_a_wanted_frame_are_decoded_and_no_further_than_it() -> None:
    (run,) = runs(CLOSED, [5])
    assert (run.start, run.end, run.targets) == (4, 7, {5: 5})
    first, second = runs(CLOSED, [1, 7])
    assert (first.start, first.end, first.targets) == (0, 3, {1: 1})
    assert (second.start, second.end, second.targets) == (4, 6, {7: 7})


def test_runs_that_overlap_are_decoded_as_one() -> None:
    (run,) = runs(OPEN, [4, 7])  # frame 4 lies behind the keyframe from which 7 could begin
    assert (run.start, run.end, run.targets) == (0, 8, {4: 4, 7: 7})


def test_a_frame_without_a_keyframe_is_not_had_by_index() -> None:
    late = packets([2, 0, 1], [0])
    with pytest.raises(InexactError, match="frame 0 has no keyframe"):
        runs(late, [0])
