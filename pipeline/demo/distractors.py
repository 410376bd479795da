"""Harmless things that are bright or fast, in normal and anomalous videos alike."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import sin

import numpy as np
from typing_extensions import override

from pipeline.demo.actors import Clothes, bus, clothes, muted, person
from pipeline.demo.canvas import Canvas, Colour, stroke
from pipeline.demo.layouts import person_height, vehicle_length
from pipeline.demo.place import Actor, Interval, Place

SECONDS_BETWEEN = 2.6


@dataclass(frozen=True)
class Passing(Actor):
    """Something on the ground at height `y` that crosses the frame once, with the flow."""

    place: Place
    y: float
    when: Interval

    @override
    def ground(self, t: float) -> float:
        return self.y

    def crossing(self, t: float, margin: float) -> float | None:
        """Where it is, from `margin` before the frame to `margin` behind; None when not there."""
        start, end = self.when
        share = (t - start) / (end - start)
        if not 0.0 <= share < 1.0:
            return None
        x = -margin + share * (self.place.aspect + 2 * margin)
        return x if self.place.flow > 0 else self.place.aspect - x


@dataclass(frozen=True)
class LargeVehicle(Passing):
    """A bus, a train or a service cart."""

    length: float
    height: float
    colour: Colour

    @override
    def draw(self, canvas: Canvas, t: float) -> None:
        x = self.crossing(t, self.length / 2)
        if x is not None:
            canvas.strokes(bus(x, self.y, self.length, self.height, self.colour))


@dataclass(frozen=True)
class Jogger(Passing):
    """Someone who runs."""

    wear: Clothes

    @override
    def draw(self, canvas: Canvas, t: float) -> None:
        x = self.crossing(t, 0.2)
        if x is not None:
            canvas.strokes(
                person(x, self.y, person_height(self.y), self.wear, facing=self.place.flow,
                       phase=13.0 * t, stride=0.85, lean=0.4)
            )  # fmt: skip


@dataclass(frozen=True)
class Flock(Actor):
    """Birds that cross the upper half of the frame."""

    place: Place
    when: Interval
    offsets: tuple[tuple[float, float], ...]

    @override
    def ground(self, t: float) -> float:
        return 2.0  # in front of everything

    @override
    def draw(self, canvas: Canvas, t: float) -> None:
        start, end = self.when
        share = (t - start) / (end - start)
        if not 0.0 <= share < 1.0:
            return
        x0 = -0.4 + share * (self.place.aspect + 0.8)
        for k, (dx, dy) in enumerate(self.offsets):
            x, y = x0 + dx, 0.25 + dy + 0.03 * sin(3 * t + k)
            x = x if self.place.flow > 0 else self.place.aspect - x
            flap = 0.022 * sin(19 * t + 2 * k)
            wings = [(x - 0.03, y - flap), (x, y), (x + 0.03, y - flap)]
            for a, b in pairwise(wings):
                canvas.strokes([stroke(a, b, (30, 30, 34), radius=0.008)])


@dataclass(frozen=True)
class Light(Actor):
    """A light that goes on for a while: a door, a reflection, passing headlights."""

    place: Place
    when: Interval
    spot: tuple[float, float]
    radius: float
    colour: Colour
    drift: float  # frame heights per second
    flicker: float

    @override
    def ground(self, t: float) -> float:
        return 1.9

    @override
    def draw(self, canvas: Canvas, t: float) -> None:
        start, end = self.when
        if not start <= t < end:
            return
        level = 1.0 - self.flicker * (0.5 + 0.5 * sin(23.0 * t) * sin(7.1 * t))
        r, g, b = self.colour
        x = self.spot[0] + self.drift * (t - start)
        canvas.glow(x, self.spot[1], self.radius, (level * r, level * g, level * b))


def distract(place: Place, seconds: float, rng: np.random.Generator) -> list[Actor]:
    """Distractors for a whole video, one about every 2.6 s, at any time of it."""
    actors: list[Actor] = []
    makers = [_large, _joggers, _light, _light] if place.layout.indoor else _MAKERS
    for _ in range(max(1, round(seconds / SECONDS_BETWEEN))):
        start = float(rng.uniform(-0.5, seconds - 0.5))
        actors += makers[int(rng.integers(len(makers)))](place, start, rng)
    return actors


def _large(place: Place, start: float, rng: np.random.Generator) -> list[Actor]:
    colour = muted(rng, 70, 210)
    if place.layout.name == "platform":
        return [LargeVehicle(place, 0.46, (start, start + 3.0), 2.6, 0.3, colour)]
    if place.layout.lanes:
        lane = place.layout.lanes[0] - 0.02
        size = vehicle_length(lane)
        return [LargeVehicle(place, lane, (start, start + 3.0), 1.7 * size, 0.65 * size, colour)]
    y = float(rng.uniform(0.6, 0.75))
    return [LargeVehicle(place, y, (start, start + 3.5), 0.5, 0.3, colour)]


def _joggers(place: Place, start: float, rng: np.random.Generator) -> list[Actor]:
    runners: list[Actor] = []
    for k in range(int(rng.integers(2, 5))):
        y = float(rng.uniform(*place.layout.walk))
        begin = start + 0.35 * k
        runners.append(Jogger(place, y, (begin, begin + 2.6), clothes(rng)))
    return runners


def _flock(place: Place, start: float, rng: np.random.Generator) -> list[Actor]:
    offsets = tuple((float(dx), float(dy)) for dx, dy in rng.uniform(-0.18, 0.18, (9, 2)))
    return [Flock(place, (start, start + 2.2), offsets)]


def _light(place: Place, start: float, rng: np.random.Generator) -> list[Actor]:
    warm = float(rng.uniform(0.5, 1.0))
    strength = float(rng.uniform(60, 130))
    moves = bool(rng.random() < 0.4)
    spot = (float(rng.uniform(0.1, place.aspect - 0.1)), float(rng.uniform(0.25, 0.8)))
    drift = float(rng.uniform(-0.5, 0.5)) if moves else 0.0
    colour = (strength, strength * (0.7 + 0.3 * warm), strength * warm)
    return [
        Light(place, (start, start + float(rng.uniform(1.0, 3.5))), spot,
              float(rng.uniform(0.15, 0.4)), colour, drift, float(rng.choice((0.0, 0.8))))
    ]  # fmt: skip


_Maker = Callable[[Place, float, np.random.Generator], list[Actor]]
_MAKERS: list[_Maker] = [_large, _large, _joggers, _joggers, _flock, _light, _light]
