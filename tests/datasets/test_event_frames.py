from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.datasets.event_frames import clip, in_frames
from pipeline.datasets.listing import Event


@pytest.mark.parametrize(
    ("start", "end", "fps", "frames"),
    [
        (0.0, 1.0, 25.0, (0, 25)),
        (0.04, 0.08, 25.0, (1, 2)),  # frame 1 is shown at 0.04 s; 0.08 belongs to what follows
        (0.041, 0.081, 25.0, (2, 3)),
        (0.1, 0.7, 30.0, (3, 21)),  # 0.7 * 30 is 20.999999999999996
        (0.0, 0.01, 25.0, (0, 1)),
        (0.01, 0.02, 25.0, (1, 1)),  # between two frames
        (1.1, 2.2, 10.0, (11, 22)),  # 1.1 * 10 is 11.000000000000002
    ],
)
def test_seconds_become_the_frames_shown_in_them(
    start: float, end: float, fps: float, frames: tuple[int, int]
) -> None:
    assert in_frames(Event(start, end, "Fall", "seconds"), fps) == (*frames, "Fall")


def test_frames_stay_what_they_are() -> None:
    assert in_frames(Event(3, 9, "Fall"), 29.97) == (3, 9, "Fall")


@given(
    st.integers(0, 500_000),
    st.integers(1, 500_000),
    st.sampled_from([Fraction(30000, 1001), Fraction(25), Fraction(24000, 1001), Fraction(15)]),
)
def test_the_time_of_a_frame_is_that_frame_for_any_rate(n: int, m: int, fps: Fraction) -> None:
    stored = float(np.float32(float(fps)))
    event = Event(float(n / fps), float((n + m) / fps), "Fall", "seconds")
    assert in_frames(event, stored) == (n, n + m, "Fall")


@given(st.integers(0, 10**6), st.integers(1, 100))
def test_seconds_agree_with_exact_arithmetic(milliseconds: int, fps: int) -> None:
    start = Fraction(milliseconds, 1000)
    found = in_frames(Event(float(start), float(start + 1), "Fall", "seconds"), float(fps))
    assert found == (ceil(start * fps), ceil((start + 1) * fps), "Fall")


def test_spans_are_cut_or_dropped_and_counted() -> None:
    spans = [(0, 100, "a"), (90, 101, "b"), (99, 500, "c"), (100, 120, "d"), (5, 5, "e")]
    kept, n_cut, n_dropped = clip(spans, 100)
    assert kept == [(0, 100, "a"), (90, 100, "b"), (99, 100, "c")]
    assert (n_cut, n_dropped) == (2, 2)
