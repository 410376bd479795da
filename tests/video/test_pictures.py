import numpy as np
import pytest
from av import VideoFrame

from pipeline.video.reading.pictures import Upright, quarter_turns, shrink


@pytest.mark.parametrize(
    ("degrees", "quarters"),
    [
        (0, 0),
        (90, 1),
        (-90, -1),
        (180, 2),
        (-180, -2),
        (89, 1),
        (91, 1),
        (88, 0),
        (45, 0),
        (-135, 0),
    ],
)
def test_only_quarter_turns_are_turned(degrees: int, quarters: int) -> None:
    assert quarter_turns(degrees) == quarters


def test_frames_of_another_size_are_scaled_to_the_first() -> None:
    upright = Upright()
    small = VideoFrame.from_ndarray(np.full((48, 64, 3), 9, np.uint8), format="rgb24")
    large = VideoFrame.from_ndarray(np.full((96, 64, 3), 200, np.uint8), format="rgb24")
    assert upright(small).shape == (48, 64, 3)
    found = upright(large)
    assert found.shape == (48, 64, 3)
    assert (found == 200).all()


@pytest.mark.parametrize(
    ("size", "short", "expected"),
    [((160, 120), 60, (80, 60)), ((120, 160), 60, (60, 80)), ((64, 48), 60, (64, 48)),
     ((2000, 2), 1, (1000, 1))],
)  # fmt: skip
def test_pictures_are_shrunk_by_their_short_side(
    size: tuple[int, int], short: int, expected: tuple[int, int]
) -> None:
    shrunk = shrink(np.zeros((size[1], size[0], 3), np.uint8), short)
    assert shrunk.shape == (expected[1], expected[0], 3)
