"""Normal life on foot: people who cross and a crowd that wanders."""

from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
from typing_extensions import override

from pipeline.demo.actors import CASES, Clothes, clothes, person, suitcase
from pipeline.demo.canvas import Canvas, Colour
from pipeline.demo.layouts import person_height
from pipeline.demo.place import Actor, Interference, Interval, Place, spent, within
from pipeline.demo.traffic import traffic


@dataclass(frozen=True)
class Walker(Actor):
    """A person who crosses the frame again and again, perhaps with a case."""

    place: Place
    wear: Clothes
    y: float
    start: float
    speed: float  # frame heights per second, signed
    case: Colour | None

    @override
    def ground(self, t: float) -> float:
        return self.y

    @override
    def draw(self, canvas: Canvas, t: float) -> None:
        span = self.place.aspect + 0.6
        x = (self.start + self.speed * t) % span - 0.3
        height = person_height(self.y)
        facing = 1.0 if self.speed > 0 else -1.0
        phase = self.start + 1.3 * t * abs(self.speed) / height * pi
        if self.case is not None:
            canvas.strokes(suitcase(x - facing * 0.13 * height, self.y, 0.42 * height, self.case))
        canvas.strokes(person(x, self.y, height, self.wear, facing=facing, phase=phase, stride=0.5))


@dataclass(frozen=True)
class Wanderer(Actor):
    """One of a crowd: strolls along a closed curve, runs along it in a rush."""

    wear: Clothes
    centre: tuple[float, float]
    reach: tuple[float, float]
    turns: tuple[int, int]
    start: float
    pace: float
    rush: list[Interval]

    def _at(self, t: float) -> tuple[float, float]:
        angle = self.start + self.pace * (t + 7.0 * spent(self.rush, t))
        return (
            self.centre[0] + self.reach[0] * sin(self.turns[0] * angle),
            self.centre[1] + self.reach[1] * cos(self.turns[1] * angle + self.start),
        )

    @override
    def ground(self, t: float) -> float:
        return self._at(t)[1]

    @override
    def draw(self, canvas: Canvas, t: float) -> None:
        (x, y), (before, _) = self._at(t), self._at(t - 0.05)
        height = person_height(y)
        running = within(self.rush, t)
        stride = 0.95 if running else 0.35
        arms = (2.6 + 0.5 * sin(17 * t + self.start), -2.6 + 0.5 * sin(15 * t)) if running else None
        canvas.strokes(
            person(x, y, height, self.wear, facing=1.0 if x >= before else -1.0,
                   phase=(14.0 if running else 4.0) * t + self.start, stride=stride,
                   lean=0.5 if running else 0.0, arms=arms)
        )  # fmt: skip


def populate(place: Place, change: Interference, rng: np.random.Generator) -> list[Actor]:
    """The normal actors of a place, more of them where there is more activity."""
    people: list[Actor] = []
    walkers = 2 + round(3 * place.activity)
    if place.layout.crowd:
        people += [_wanderer(place, change, rng) for _ in range(5 + round(3 * place.activity))]
        walkers //= 2
    people += [_walker(place, rng) for _ in range(walkers)]
    for lane in place.layout.lanes:
        people += traffic(place, lane, change, rng)
    return people


def _walker(place: Place, rng: np.random.Generator) -> Walker:
    y = float(rng.uniform(*place.layout.walk))
    way = place.flow if rng.random() < 0.75 else -place.flow
    colour = CASES[int(rng.integers(len(CASES)))] if rng.random() < 0.3 else None
    return Walker(
        place, clothes(rng), y, float(rng.uniform(0, 3)),
        way * float(rng.uniform(0.35, 0.6)) * person_height(y), colour,
    )  # fmt: skip


def _wanderer(place: Place, change: Interference, rng: np.random.Generator) -> Wanderer:
    low, high = place.layout.walk
    reach = (float(rng.uniform(0.15, 0.5)), float(rng.uniform(0.1, 0.45)) * (high - low))
    centre_y = float(rng.uniform(low + reach[1], high - reach[1]))
    centre_x = float(rng.uniform(0.25, place.aspect - 0.25))
    turns = (1, 2) if rng.random() < 0.5 else (2, 1)
    return Wanderer(
        clothes(rng), (centre_x, centre_y), reach, turns, float(rng.uniform(0, 2 * pi)),
        float(rng.choice((-1, 1)) * rng.uniform(0.12, 0.3)), change.rush,
    )  # fmt: skip
