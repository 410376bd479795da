"""A crash of two cars that stops the traffic."""

from math import pi, sin

import numpy as np
from typing_extensions import override

from pipeline.demo.actors import car, muted
from pipeline.demo.canvas import Canvas, stroke
from pipeline.demo.effects import Plume
from pipeline.demo.events.base import EventBase
from pipeline.demo.layouts import vehicle_length
from pipeline.demo.place import Interference


class Collision(EventBase):
    """Two cars crash, stop at once and stand slanted amid debris and steam."""

    @override
    def plan(self, rng: np.random.Generator) -> None:
        self.y = max(self.place.layout.lanes)
        self.colours = (muted(rng, 60, 200), muted(rng, 60, 200))
        self.plume = Plume(rng)
        self.debris = rng.uniform((-1.0, 0.2), (1.0, 1.0), (14, 2))
        self.speed = 0.75

    @override
    def interferes(self) -> Interference:
        # The pair needs its lane to itself for the seconds it takes to drive in and out.
        return Interference(
            frozen=[(self.start, self.end)], closed=[(self.start - 3.5, self.end + 4.0)]
        )

    @override
    def draw(self, canvas: Canvas, t: float) -> None:
        length, flow = vehicle_length(self.y), float(self.place.flow)
        crashed = self.start <= t < self.end
        after = max(t - self.end, 0.0)
        before = max(self.start - t, 0.0)
        shake = 0.02 * sin(40 * t) * max(0.0, 1 - 2 * (t - self.start)) if crashed else 0.0
        rear = self.x - flow * (0.42 * length + 1.3 * self.speed * before) + flow * 0.35 * after
        front = self.x + flow * (0.42 * length - 0.35 * before + 0.5 * after)
        tilts = (0.2 * flow, -0.26 * flow) if crashed else (0.0, 0.0)
        for x, colour, tilt in zip((front, rear), self.colours, tilts, strict=True):
            canvas.strokes(car(x + shake, self.y, length, colour, facing=flow, tilt=tilt))
        if crashed:
            self._wreck(canvas, t, length)

    def _wreck(self, canvas: Canvas, t: float, length: float) -> None:
        age = t - self.start
        flight = 1.0 - np.exp(-5.0 * age)
        canvas.strokes([
            stroke((p := (self.x + 0.5 * dx * flight, self.y + 0.02 - 0.09 * dy * (1 - flight) * 4
                          + 0.06 * dy)), p, (225, 225, 215), radius=0.014)
            for dx, dy in self.debris
        ])  # fmt: skip
        if sin(2 * pi * 1.5 * t) > 0:
            for side in (-1.0, 1.0):
                canvas.glow(self.x + side * 0.85 * length, self.y - 0.15, 0.12, (170, 95, 10))
        self.plume.smoke(canvas, (self.x, self.y - 0.12), (0.55, 0.75), t,
                         colour=(215, 215, 215), strength=0.8)  # fmt: skip
        if age < 0.25:
            canvas.glow(self.x, self.y - 0.15, 0.5, (130, 125, 110))
