"""Plain measurements of a snippet's frames: light, colour, motion. No model.

Motion is estimated per cell of a coarse grid: Lucas and Kanade's (1981) least-squares
displacement between consecutive sampled frames, on frames about 80 pixels wide. It
takes part in a caption (`rules`) and in the untrained floors; it is not optical flow
to rely on.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

WIDTH = 80  # pixels of the shrunken frames
GRID = (6, 8)  # cells down and across
MOVING = 6.0  # mean grey-level change above which a cell counts as moving
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Cues:
    """What was measured on K frames of a snippet.

    `pictures` (K, H, W, 3): the shrunken frames, RGB 0..255. `brightness` (K,): mean grey level
    0..255. `change` (K-1, rows, columns): mean absolute grey-level change per cell. `flow`
    (K-1, rows, columns, 2): displacement right and down in pixels of the shrunken frame.
    """

    pictures: Floats
    brightness: Floats
    change: Floats
    flow: Floats

    @property
    def motion(self) -> float:
        """Mean absolute grey-level change over all cells and steps."""
        return float(self.change.mean())


def measure(jpegs: Sequence[bytes]) -> Cues:
    """Cues of a snippet's frames, given as JPEG bytes in time order (two or more)."""
    pictures = np.stack([_small(jpeg) for jpeg in jpegs])  # (K, H, W, 3)
    grey = pictures @ np.array([0.299, 0.587, 0.114], dtype=np.float32)  # (K, H, W)
    step = np.diff(grey, axis=0)  # (K-1, H, W)
    return Cues(
        pictures=pictures,
        brightness=grey.mean(axis=(1, 2)),
        change=cell_means(np.asarray(np.abs(step), np.float32)),
        flow=_flow(grey[:-1], step),
    )


def _small(jpeg: bytes) -> Floats:
    picture = Image.open(io.BytesIO(jpeg))
    height = max(GRID[0], round(picture.height * WIDTH / picture.width))
    picture.draft("RGB", (WIDTH, height))  # lets the JPEG decoder skip detail
    small = picture.convert("RGB").resize((WIDTH, height), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)


def cell_means(values: Floats) -> Floats:
    """Means over the grid's cells: (N, H, W) -> (N, rows, columns)."""
    rows, columns = GRID
    top = np.arange(rows) * values.shape[1] // rows
    left = np.arange(columns) * values.shape[2] // columns
    sums = np.add.reduceat(np.add.reduceat(values, top, axis=1), left, axis=2)
    ones = np.ones_like(values[:1])
    return np.asarray(
        sums / np.add.reduceat(np.add.reduceat(ones, top, axis=1), left, axis=2), np.float32
    )


def _flow(grey: Floats, step: Floats) -> Floats:
    """Least-squares displacement of each cell: (N, rows, columns, 2)."""
    dy, dx = (np.asarray(part, np.float32) for part in np.gradient(grey, axis=(1, 2)))
    xx, xy, yy = cell_means(dx * dx), cell_means(dx * dy), cell_means(dy * dy)
    xt, yt = cell_means(dx * step), cell_means(dy * step)
    damping = 4.0  # keeps cells without texture near zero
    xx, yy = xx + damping, yy + damping
    determinant = xx * yy - xy * xy
    right = -(yy * xt - xy * yt) / determinant
    down = -(xx * yt - xy * xt) / determinant
    return np.stack([right, down], axis=-1)
