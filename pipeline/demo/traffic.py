"""Traffic with the flow: cars, motorbikes and buses on their lanes."""

from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from pipeline.demo.actors import Clothes, bus, car, clothes, motorbike, muted
from pipeline.demo.canvas import Canvas, Colour
from pipeline.demo.layouts import vehicle_length
from pipeline.demo.place import Actor, Interference, Interval, Place, spent


@dataclass(frozen=True)
class Vehicle(Actor):
    """A vehicle that passes along its lane with the flow, again and again."""

    place: Place
    kind: str
    colour: Colour
    wear: Clothes
    y: float
    start: float
    speed: float  # frame heights per second
    span: float
    lit: bool
    frozen: list[Interval]
    closed: list[Interval]

    @override
    def ground(self, t: float) -> float:
        return self.y

    @override
    def draw(self, canvas: Canvas, t: float) -> None:
        travelled = self.start + self.speed * (t - spent(self.frozen, t))
        x = travelled % self.span - 0.7
        if x > self.place.aspect + 0.7 or self._is_closed(t, x):
            return
        flow = self.place.flow
        x = x if flow > 0 else self.place.aspect - x
        length = vehicle_length(self.y)
        if self.kind == "bike":
            canvas.strokes(motorbike(x, self.y, 0.62 * length, self.wear, facing=flow))
        elif self.kind == "bus":
            canvas.strokes(bus(x, self.y, 1.5 * length, 0.6 * length, self.colour))
        else:
            canvas.strokes(car(x, self.y, length, self.colour, facing=flow))
        if self.lit:
            canvas.glow(x + 0.5 * flow * length, self.y - 0.12, 0.13, (90, 85, 65))

    def _is_closed(self, t: float, x: float) -> bool:
        """Whether this passage meets a time in which its lane is closed."""
        enters, leaves = t - x / self.speed, t + (self.place.aspect + 0.7 - x) / self.speed
        return any(start < leaves and enters < end for start, end in self.closed)


def traffic(
    place: Place, lane: float, change: Interference, rng: np.random.Generator
) -> list[Vehicle]:
    """Vehicles of one lane, evenly spaced; the near lane obeys ``closed``, others ``frozen``."""
    near = lane == max(place.layout.lanes)
    busy = 0.6 + place.activity
    if place.layout.name == "carpark":
        busy *= 0.4
    speed = float(rng.uniform(0.45, 0.65))
    count = max(1, round(3 * busy))
    span = max(place.aspect + 1.4, count * 1.3) / min(busy, 1.0)
    lit = bool(rng.random() < 0.35) or place.daylight < 1
    vehicles = []
    for k in range(count):
        start = (k + float(rng.uniform(0.0, 0.3))) * span / count
        kind = ("car", "car", "car", "bike", "bus")[int(rng.integers(5))]
        vehicles.append(
            Vehicle(place, kind, muted(rng, 50, 200), clothes(rng), lane, start, speed, span, lit,
                    frozen=[] if near else change.frozen, closed=change.closed if near else [])
        )  # fmt: skip
    return vehicles
