"""Fire, smoke and steam: blended patches whose texture rises with time."""

import numpy as np

from pipeline.demo.canvas import Canvas, Colour, FloatArray

RED = np.array([215, 60, 12], np.float32)[:, None, None]
YELLOW = np.array([255, 215, 90], np.float32)[:, None, None]
TEXTURE_ROWS, TEXTURE_COLUMNS = 96, 48


def smooth_noise(rng: np.random.Generator, rows: int, columns: int, cells: int) -> FloatArray:
    """Periodic value noise (rows, columns) in 0..1 with ``cells`` bumps per axis."""
    grid = rng.random((cells, cells), dtype=np.float32)
    y, x = np.arange(rows) * (cells / rows), np.arange(columns) * (cells / columns)
    y0, x0 = y.astype(int), x.astype(int)
    fy, fx = (y - y0).astype(np.float32)[:, None], (x - x0).astype(np.float32)[None, :]
    y1, x1 = (y0 + 1) % cells, (x0 + 1) % cells
    top = grid[y0][:, x0] * (1 - fx) + grid[y0][:, x1] * fx
    low = grid[y1][:, x0] * (1 - fx) + grid[y1][:, x1] * fx
    blended: FloatArray = top * (1 - fy) + low * fy
    return blended


class Plume:
    """Rising turbulence that is drawn as a flame or as smoke."""

    def __init__(self, rng: np.random.Generator) -> None:
        coarse = smooth_noise(rng, TEXTURE_ROWS, TEXTURE_COLUMNS, 6)
        fine = smooth_noise(rng, TEXTURE_ROWS, TEXTURE_COLUMNS, 12)
        self._texture = 0.65 * coarse + 0.35 * fine

    def flame(
        self, canvas: Canvas, foot: tuple[float, float], size: tuple[float, float], t: float
    ) -> None:
        """A flame (width, height) whose base is centred at ``foot``; ``t`` in seconds."""
        found = self._patch(canvas, foot, size, 1.1 * t)
        if found is None:
            return
        area, u, v, noise = found
        heat = 1.0 - v - 0.8 * u**2 + 1.4 * (noise - 0.5)  # (h, w)
        hot = np.clip(heat, 0, 1)
        colour = (RED + hot * (YELLOW - RED)) / np.float32(canvas.daylight)
        canvas.blend(area, colour, np.clip(3.0 * heat, 0, 0.95))

    def smoke(
        self, canvas: Canvas, foot: tuple[float, float], size: tuple[float, float], t: float,
        *, colour: Colour, strength: float,
    ) -> None:  # fmt: skip
        """Smoke that rises from ``foot`` and widens; ``strength`` is its largest opacity."""
        found = self._patch(canvas, foot, size, 0.5 * t)
        if found is None:
            return
        area, u, v, noise = found
        spread = 0.35 + 0.65 * v
        shape = np.clip(1.0 - (u / spread) ** 2, 0, 1) * np.clip(4.0 * v * (1.0 - v), 0, 1)
        alpha = strength * shape * np.clip(1.8 * noise - 0.25, 0, 1)
        canvas.blend(area, np.asarray(colour, np.float32)[:, None, None], alpha)

    def _patch(
        self, canvas: Canvas, foot: tuple[float, float], size: tuple[float, float], rise: float
    ) -> tuple[tuple[slice, slice], FloatArray, FloatArray, FloatArray] | None:
        (x, y), (width, height) = foot, size
        box = canvas.box(x - width / 2, y - height, x + width / 2, y)
        if box is None:
            return None
        rows, columns, xs, ys = box
        u = ((xs - x) / (width / 2))[None, :]  # (1, w), -1..1 across
        v = np.clip((y - ys) / height, 0, 1)[:, None]  # (h, 1), 0 at the base
        across = ((u[0] + 1) * 0.49 * TEXTURE_COLUMNS).astype(int) % TEXTURE_COLUMNS
        # The texture moves upwards: what is at height v now was lower before.
        upwards = ((v[:, 0] * 0.5 - rise) * TEXTURE_ROWS).astype(int) % TEXTURE_ROWS
        return (rows, columns), u, v, self._texture[upwards][:, across]
