"""A flood: running water that covers the ground."""

from math import tau

import numpy as np
from typing_extensions import override

from pipeline.demo.canvas import Canvas, FloatArray
from pipeline.demo.effects import smooth_noise
from pipeline.demo.events.base import EventBase

WATER = np.array([20, 105, 190], np.float32)[:, None, None]
FOAM = np.array([240, 245, 250], np.float32)[:, None, None]
ROWS, COLUMNS = 96, 256
DRY = 1.08  # where the water's edge is when there is none: below the frame


class Flood(EventBase):
    """Water rises to the far end of the ground, streams past and runs off again."""

    @override
    def plan(self, rng: np.random.Generator) -> None:
        self.top = self.place.layout.wall + float(rng.uniform(0.06, 0.12))
        self.speed = float(rng.uniform(0.5, 0.8)) * self.place.flow  # frame heights per second
        coarse, fine = (smooth_noise(rng, ROWS, COLUMNS, cells) for cells in (8, 20))
        self.texture = 0.5 * coarse + 0.5 * fine

    @override
    def ground(self, t: float) -> float:
        return 0.0  # behind everything that stands in it

    @override
    def draw(self, canvas: Canvas, t: float) -> None:
        if not self.start <= t < self.end:
            return
        share = (t - self.start) / (self.end - self.start)
        level = min(1.0, 5.0 * share + 0.25, 5.0 * (1.0 - share) + 0.1)
        edge = DRY - level * (DRY - self.top)
        area = canvas.box(-0.2, edge - 0.03, self.place.aspect + 0.2, 1.1)
        if area is None:
            return
        rows, columns, xs, ys = area
        shore = edge + 0.012 * np.sin(9.0 * xs + 3.0 * t) + 0.008 * np.sin(23.0 * xs - 4.0 * t)
        alpha = np.clip(40.0 * (ys[:, None] - shore[None, :]), 0, 0.88)  # (h, w)
        waves = self._waves(xs, ys, t)
        foam = np.clip(8.0 * (waves - 0.56), 0, 1)
        colour = WATER + 90.0 * (waves - 0.5) + foam * (FOAM - WATER)  # (3, h, w)
        canvas.blend((rows, columns), colour, np.asarray(alpha, np.float32))

    def _waves(self, xs: FloatArray, ys: FloatArray, t: float) -> FloatArray:
        """The texture (h, w) in 0..1 that streams past, faster where it is near."""
        depth = np.clip(ys, 0.2, 1.1)[:, None]
        across = (xs[None, :] - 0.5 * self.place.aspect - self.speed * t * depth) / depth
        column = np.asarray(across * COLUMNS / 2.2, np.int64) % COLUMNS  # (h, w)
        down = np.log(depth) + 0.01 * np.sin(tau * t)
        row = np.asarray(down * ROWS * 1.3, np.int64) % ROWS  # (h, 1)
        return np.asarray(self.texture[row, column], np.float32)
