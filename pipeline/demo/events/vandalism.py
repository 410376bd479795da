"""Vandalism: somebody smashes a vending machine."""

from math import cos, pi, sin

import numpy as np
from typing_extensions import override

from pipeline.demo.actors import clothes, muted, person
from pipeline.demo.canvas import Canvas, stroke
from pipeline.demo.events.base import EventBase
from pipeline.demo.layouts import person_height

BLOWS = 1.6  # a second
LIT = (70.0, 95.0, 115.0)


class Vandalism(EventBase):
    """Blows of a bar at a lit machine: shards fly and its light flickers across the place.

    The machine stands there from the first frame to the last, and its light is steady
    outside the event.
    """

    @override
    def plan(self, rng: np.random.Generator) -> None:
        self.y = max(self.y, 0.68)
        self.side = float(rng.choice((-1, 1)))  # from the machine to the person
        self.colour = muted(rng, 60, 130)
        self.wear = clothes(rng, muted(rng, 25, 45, tint=4.0))
        self.shards = rng.uniform((-0.2, 0.1), (1.0, 0.9), (16, 2))
        self.flicker = rng.uniform(15.0, 24.0, 2)

    @override
    def draw(self, canvas: Canvas, t: float) -> None:
        height = 1.15 * person_height(self.y)
        smashing = self.start <= t < self.end
        self._machine(canvas, t, height, smashing=smashing)
        if smashing:
            self._blow(canvas, t, height)
            return
        away = self.start - t if t < self.start else t - self.end
        x = self.x + self.side * (0.5 * height + 0.3 * away)
        facing = -self.side if t < self.start else self.side
        canvas.strokes(person(x, self.y, height, self.wear, facing=facing,
                              phase=5.5 * t, stride=0.5))  # fmt: skip

    def _machine(self, canvas: Canvas, t: float, height: float, *, smashing: bool) -> None:
        top, middle, half = self.y - 1.1 * height, self.y - 0.6 * height, 0.26 * height
        on = 1.0
        if smashing:
            on = float(sin(self.flicker[0] * t) * sin(0.37 * self.flicker[1] * t) > 0)
        r, g, b = (on * channel for channel in LIT)
        screen = (60 + 1.4 * r, 60 + 1.4 * g, 60 + 1.4 * b)
        canvas.strokes([
            stroke((self.x, top), (self.x, self.y), self.colour,
                   radius=0.02 * height, half_width=half),
            stroke((self.x, top + 0.1 * height), (self.x, middle), screen,
                   radius=0.01 * height, half_width=0.8 * half),
        ])  # fmt: skip
        canvas.glow(self.x, middle, 0.25, (0.3 * r, 0.3 * g, 0.3 * b))
        if smashing:
            canvas.glow(self.x, middle, 1.1, (1.1 * r, 1.1 * g, 1.1 * b))

    def _blow(self, canvas: Canvas, t: float, height: float) -> None:
        """One moment of a blow: the arms come down with the bar, and the machine bursts."""
        phase = (t - self.start) * BLOWS % 1.0  # the bar hits at 0
        angle = 1.5 + 1.5 * (0.5 - 0.5 * cos(2 * pi * phase))  # of the arms, from hanging down
        facing = -self.side
        sway = 0.05 * sin(2 * pi * phase)
        x = self.x + self.side * (0.62 * height + sway)
        arms = (angle, angle + 0.15)
        canvas.strokes(person(x, self.y, height, self.wear, facing=facing, phase=pi / 2,
                              stride=0.5, lean=0.7 * (1.0 - phase), arms=arms))  # fmt: skip
        shoulder = (x + facing * 0.2 * height * (1.0 - phase), self.y - 0.8 * height)
        way = (facing * sin(angle), cos(angle))
        hand = (shoulder[0] + 0.33 * height * way[0], shoulder[1] + 0.33 * height * way[1])
        tip = (hand[0] + 0.45 * height * way[0], hand[1] + 0.45 * height * way[1])
        canvas.strokes([stroke(hand, tip, (190, 170, 120), radius=0.03 * height)])
        self._shards(canvas, phase / BLOWS, height)

    def _shards(self, canvas: Canvas, age: float, height: float) -> None:
        """What flies off the machine ``age`` seconds after a hit, with a spark at first."""
        hit = (self.x + self.side * 0.2 * height, self.y - 0.7 * height)
        for across, up in self.shards.tolist():
            at = (hit[0] + self.side * across * age,
                  min(hit[1] - up * age + 1.8 * age**2, self.y + 0.04))  # fmt: skip
            canvas.strokes([stroke(at, at, (205, 225, 235), radius=0.014)])
        if age < 0.1:
            canvas.glow(*hit, 0.35, (150, 145, 130))
