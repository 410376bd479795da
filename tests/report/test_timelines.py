import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.timelines import Clock, Scale, labels, lines


@pytest.mark.parametrize(
    ("n_frames", "fps", "length", "last_tick"),
    [
        (200, 25, "8.0 s", ("6 s", 75.0)),
        (20, 30, "0.7 s", ("0.6 s", 90.0)),
        (9000, 30, "5:00", ("4:00", 80.0)),
        (90000, 25, "60:00", ("50:00", 83.333)),
        (500, 0, "500 fr.", ("480 fr.", 96.0)),
    ],
)
def test_time_axis(n_frames: int, fps: float, length: str, last_tick: tuple[str, float]) -> None:
    clock = Clock(n_frames, fps)
    assert clock.text(clock.seconds) == length
    ticks = clock.ticks()
    assert ticks[0][1] == 0
    assert ticks[-1] == last_tick
    assert 2 <= len(ticks) <= 8


def test_intervals_name_the_unit_once() -> None:
    assert Clock(200, 25).interval(50, 100) == "2.0–4.0 s"
    assert Clock(9000, 30).interval(1800, 1890) == "1:00–1:03"
    assert Clock(200, 0).interval(50, 100) == "50–100 fr."


def test_scale_grows_only_when_a_score_leaves_the_unit_interval() -> None:
    assert Scale.of(np.array([0.2, 0.9])) == Scale(0, 1)
    assert Scale.of(np.array([-1.0, 3.0])) == Scale(-1, 3)
    assert Scale(-1, 3).y(3) == 0
    assert Scale(-1, 3).y(-1) == 100


def test_one_seed_has_no_band() -> None:
    line, band = lines(np.array([[0.5, 1.0]]), [(0, 1), (1, 3)], Clock(3, 25), Scale(0, 1))
    assert line == "0,50 333.33,50 333.33,0 1000,0"
    assert band == ""


def test_labels_do_not_run_into_one_another() -> None:
    events = [
        {"start": s, "end": s + 5, "category": c} for s, c in ((10, "a"), (40, "b"), (90, "c"))
    ]
    assert [(e.text, e.left, e.room, e.from_right) for e in labels(events, 100)] == [
        ("a", 10, 30, False), ("b", 40, 30, False), ("c", 70, 30, True),
    ]  # fmt: skip
    assert labels([], 100) == []


def test_the_scale_of_no_scores_is_the_unit_interval() -> None:
    assert Scale.of(np.array([])) == Scale(0, 1)


@given(n_frames=st.integers(1, 10**7), fps=st.floats(min_value=1e-30))
def test_any_positive_frame_rate_has_a_time_axis(n_frames: int, fps: float) -> None:
    clock = Clock(n_frames, fps)
    places = [place for _, place in clock.ticks()]
    assert len(places) <= 8
    assert all(0 <= place < 100 for place in places)
    assert clock.interval(0, n_frames)
