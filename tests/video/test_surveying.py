from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.video.reading.complaints import Complaints
from pipeline.video.reading.container import Opened
from pipeline.video.reading.errors import DecodeError
from pipeline.video.reading.surveying import rate


def video(stated: Any) -> Opened:
    stream = SimpleNamespace(average_rate=stated, time_base=Fraction(1, 1000))
    return Opened(None, stream, Complaints([]))


STEADY = list(range(0, 1000, 40))  # 25 a second


@pytest.mark.parametrize(
    ("stated", "times", "expected"),
    [
        (Fraction(25), STEADY, 25.0),
        (Fraction(30000, 1001), [0, 33, 67, 100, 133, 167, 200], 30000 / 1001),  # rounded times
        (Fraction(50), STEADY, 25.0),  # a header that lies
        (None, STEADY, 25.0),
        (Fraction(25), [*STEADY, 9_000_000], 25.0),  # a clock that jumps
        (Fraction(25), [*STEADY, *(t + 20 for t in STEADY)], 25.0),  # one that goes back
        (None, [0, 40, 80, 200], 15.0),  # no steady rate: the mean
        (Fraction(25), [None, None], 25.0),  # no times
        (Fraction(25), [0], 25.0),
    ],
)
def test_rate(stated: Any, times: list[int | None], expected: float) -> None:
    assert rate(video(stated), times) == pytest.approx(expected, rel=1e-9)


def test_a_video_without_any_rate_is_refused() -> None:
    with pytest.raises(DecodeError, match="no frame rate"):
        rate(video(None), [None])
