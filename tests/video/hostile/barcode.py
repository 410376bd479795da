"""Frames that carry their own number, so that a test knows a frame without any decoder's help.

A picture is 6 by 4 cells. Three corners mark which way is up; eighteen cells hold the nine bits of
the number and their opposites, three hold colours. Cells are large and far apart in light,
so a number survives lossy coding, scaling and 4:2:0 chroma.
"""

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

COLUMNS, ROWS = 6, 4
BITS = 9
HIGHEST = 2**BITS - 1
DARK, LIGHT = 40, 205
CORNERS = {(0, 0): LIGHT, (0, COLUMNS - 1): DARK, (ROWS - 1, 0): DARK}
COLOURS = ((200, 60, 60), (60, 190, 70), (70, 80, 210))
_FREE = [
    (row, column)
    for row in range(ROWS)
    for column in range(COLUMNS)
    if (row, column) not in CORNERS
]


def picture(number: int, size: tuple[int, int] = (64, 48)) -> Picture:
    """The frame of that number, RGB (height, width, 3); `size` is (width, height) in pixels.

    Raises `ValueError` for a number that nine bits cannot hold.
    """
    if not 0 <= number <= HIGHEST:
        raise ValueError(f"frame number {number} is not in 0..{HIGHEST}")
    cells = np.zeros((ROWS, COLUMNS, 3))
    for place, level in CORNERS.items():
        cells[place] = level
    for bit in range(BITS):
        one = number >> bit & 1
        cells[_FREE[bit]] = LIGHT if one else DARK
        cells[_FREE[BITS + bit]] = DARK if one else LIGHT
    for k, colour in enumerate(COLOURS):
        cells[_FREE[2 * BITS + k]] = colour
    width, height = size
    rows = np.arange(height) * ROWS // height
    columns = np.arange(width) * COLUMNS // width
    # A drifting grain gives an encoder motion to follow and a decoder something to get wrong.
    y, x = np.mgrid[:height, :width]
    grain = 12 * np.sin((x + 2 * number) / 2.3) * np.cos((y - number) / 1.9)
    return np.asarray((cells[rows][:, columns] + grain[..., None]).round(), np.uint8)


def number_of(frame: Picture) -> int | None:
    """The number that a decoded frame shows; None where it is turned, torn or no such picture."""
    grey = frame.astype(np.float64).mean(axis=2)
    lights = {
        (row, column): _cell_mean(grey, row, column) > (DARK + LIGHT) / 2
        for row in range(ROWS)
        for column in range(COLUMNS)
    }
    if any(lights[place] != (level == LIGHT) for place, level in CORNERS.items()):
        return None
    ones = [lights[_FREE[bit]] for bit in range(BITS)]
    zeros = [lights[_FREE[BITS + bit]] for bit in range(BITS)]
    if any(one == zero for one, zero in zip(ones, zeros, strict=True)):
        return None
    return sum(1 << bit for bit, one in enumerate(ones) if one)


def _cell_mean(grey: npt.NDArray[np.float64], row: int, column: int) -> float:
    """Mean of the inner half of a cell, away from its neighbours."""
    height, width = grey.shape
    top, left = (row + 0.25) * height / ROWS, (column + 0.25) * width / COLUMNS
    bottom, right = top + height / ROWS / 2, left + width / COLUMNS / 2
    inner = grey[
        int(top) : max(int(bottom), int(top) + 1), int(left) : max(int(right), int(left) + 1)
    ]
    return float(inner.mean())
