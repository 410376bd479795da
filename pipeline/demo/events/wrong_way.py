"""Driving against the flow of traffic."""

import numpy as np
from typing_extensions import override

from pipeline.demo.actors import clothes, motorbike
from pipeline.demo.canvas import Canvas
from pipeline.demo.events.base import EventBase
from pipeline.demo.layouts import vehicle_length


class WrongWay(EventBase):
    """Motorbikes with glaring headlights race against the flow of traffic."""

    @override
    def plan(self, rng: np.random.Generator) -> None:
        self.y = float(rng.uniform(0.78, 0.86))
        count = max(1, round((self.end - self.start) / 1.4))
        self.period = (self.end - self.start) / count
        self.count = count
        self.wear = [clothes(rng, (205, 235, 40)) for _ in range(count)]

    @override
    def draw(self, canvas: Canvas, t: float) -> None:
        size = 0.72 * vehicle_length(self.y)
        for k, wear in enumerate(self.wear):
            begin = self.start + k * self.period - (0.3 if k else 0.0)
            share = (t - begin) / (self.period + (0.3 if k else 0.0))
            if not 0.0 <= share < 1.0:
                continue
            x = self.place.aspect + 0.2 - share * (self.place.aspect + 0.4)
            x = x if self.place.flow > 0 else self.place.aspect - x
            facing = -self.place.flow
            canvas.strokes(motorbike(x, self.y, size, wear, facing=facing))
            canvas.glow(x + 0.45 * size * facing, self.y - 0.45 * size, 0.3, (150, 145, 120))
