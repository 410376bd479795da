"""Fighting: two people collide and struggle."""

from math import sin

import numpy as np
from typing_extensions import override

from pipeline.demo.actors import Clothes, Strokes, clothes, person
from pipeline.demo.canvas import Canvas
from pipeline.demo.events.base import EventBase
from pipeline.demo.layouts import person_height


class Fighting(EventBase):
    """Two people walk towards each other, collide, struggle, then walk away."""

    @override
    def plan(self, rng: np.random.Generator) -> None:
        self.y = max(self.y, 0.72)
        self.wear = (clothes(rng, (200, 38, 42)), clothes(rng, (40, 60, 175)))
        self.rates = rng.uniform(5.0, 9.0, 4)

    @override
    def draw(self, canvas: Canvas, t: float) -> None:
        height = 1.1 * person_height(self.y)
        if self.start <= t < self.end:
            for side, wear in zip((-1.0, 1.0), self.wear, strict=True):
                canvas.strokes(self._struggle(side, height, t, wear))
            return
        away = self.start - t if t < self.start else t - self.end
        for side, wear in zip((-1.0, 1.0), self.wear, strict=True):
            x = self.x + side * (0.12 + 0.22 * away)
            facing = -side if t < self.start else side
            canvas.strokes(person(x, self.y, height, wear, facing=facing,
                                  phase=5.5 * t, stride=0.5))  # fmt: skip

    def _struggle(self, side: float, height: float, t: float, wear: Clothes) -> Strokes:
        a, b, c, d = self.rates
        sway = 0.07 * sin(a * t) + 0.05 * sin(1.7 * b * t)
        hit = 0.05 * abs(sin(c * t + side))
        x = self.x + sway + side * (0.075 + hit)
        y = self.y + 0.015 * sin(d * t + side)
        arms = (1.5 + 1.1 * sin(2.1 * a * t + side), 1.4 + 1.2 * sin(2.3 * c * t - side))
        return person(x, y, height, wear, facing=-side, phase=9 * t + side, stride=0.7,
                      lean=0.6, arms=arms, tilt=side * 0.5 * sin(b * t))  # fmt: skip
