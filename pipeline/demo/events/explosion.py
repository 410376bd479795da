"""Explosions: blast after blast, each a flash, a fireball, flying debris and dust."""

from math import exp

import numpy as np
from typing_extensions import override

from pipeline.demo.canvas import Canvas, stroke
from pipeline.demo.effects import Plume
from pipeline.demo.events.base import EventBase
from pipeline.demo.place import Interference

SECONDS_BETWEEN = 1.9
PULL = 1.3  # frame heights per second, per second: what flies falls back
FIREBALL_SECONDS = 1.0


class Explosion(EventBase):
    """Blasts at one spot, about every two seconds; the traffic stands still meanwhile."""

    @override
    def plan(self, rng: np.random.Generator) -> None:
        self.y = max(self.y, 0.66)
        self.size = float(rng.uniform(0.5, 0.65))
        count = max(1, round((self.end - self.start) / SECONDS_BETWEEN))
        self.period = (self.end - self.start) / count
        self.plume = Plume(rng)
        # How fast each piece of debris sets off, sideways and upwards.
        self.debris = rng.uniform((-1.1, 0.5), (1.1, 1.3), (18, 2))

    @override
    def interferes(self) -> Interference:
        return Interference(frozen=[(self.start, self.end)])

    @override
    def draw(self, canvas: Canvas, t: float) -> None:
        if not self.start <= t < self.end:
            return
        age = (t - self.start) % self.period
        left = min(1.0, 2.5 * (self.period - age) / self.period)  # the dust settles at the end
        grown = self.size * (1.0 - 0.8 * exp(-6.0 * age))
        self.plume.smoke(canvas, (self.x, self.y), (2.4 * grown, 1.9 * grown), t,
                         colour=(205, 195, 180), strength=left)  # fmt: skip
        self._fireball(canvas, age, grown)
        self._debris(canvas, age)
        if age < 0.2:
            canvas.glow(self.x, self.y - 0.2, 1.3, (200, 190, 165))

    def _fireball(self, canvas: Canvas, age: float, grown: float) -> None:
        heat = 1.0 - age / FIREBALL_SECONDS
        if heat <= 0.0:
            return
        rise = self.y - 0.35 * grown - 0.15 * age
        canvas.glow(self.x, rise, 1.1 * grown, (260 * heat, 150 * heat, 45 * heat))
        canvas.glow(self.x, rise, 0.6 * grown, (120 * heat, 120 * heat, 60 * heat))

    def _debris(self, canvas: Canvas, age: float) -> None:
        for across, up in self.debris.tolist():
            x = self.x + across * age
            y = min(self.y - up * age + PULL * age**2 / 2, self.y + 0.03)
            canvas.strokes([stroke((x, y), (x, y), (48, 40, 34), radius=0.016)])
