"""Fire: a flash, then flames under smoke."""

from math import sin

import numpy as np
from typing_extensions import override

from pipeline.demo.canvas import Canvas
from pipeline.demo.effects import Plume
from pipeline.demo.events.base import EventBase


class Fire(EventBase):
    """A flash, then flames that grow and flicker under dark smoke."""

    @override
    def plan(self, rng: np.random.Generator) -> None:
        self.size = float(rng.uniform(0.36, 0.52))
        self.y = max(self.y, 0.6)
        self.plume = Plume(rng)

    @override
    def draw(self, canvas: Canvas, t: float) -> None:
        if not self.start <= t < self.end:
            return
        age, left = t - self.start, self.end - t
        grown = min(0.5 + 0.3 * age, 1.0, 0.3 + left)
        size = self.size * grown * (1.0 + 0.08 * sin(21 * t) * sin(8.3 * t))
        self.plume.smoke(canvas, (self.x, self.y - 0.35 * size), (1.9 * size, 1.9 * size), t,
                         colour=(42, 40, 40), strength=0.85)  # fmt: skip
        self.plume.flame(canvas, (self.x, self.y), (0.95 * size, 1.15 * size), t)
        canvas.glow(self.x, self.y - 0.3 * size, 1.3 * size, (38, 14, 0))
        if age < 0.35:
            canvas.glow(self.x, self.y - 0.15, 0.9, (190, 175, 140))
