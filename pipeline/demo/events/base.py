"""What every anomaly category has in common."""

import numpy as np
from typing_extensions import override

from pipeline.demo.place import Actor, Interference, Interval, Place


class EventBase(Actor):
    """One event: an actor that is anomalous in its interval, and normal outside it.

    ``start`` and ``end`` are seconds, half-open; (x, y) is where it happens.
    """

    def __init__(self, place: Place, when: Interval, rng: np.random.Generator) -> None:
        self.place = place
        self.start, self.end = when
        self.y = float(rng.uniform(*place.layout.walk))
        self.x = float(rng.uniform(0.3, 0.7)) * place.aspect
        self.plan(rng)

    def plan(self, rng: np.random.Generator) -> None:
        """Choose what else this category needs."""

    def interferes(self) -> Interference:
        """What the event changes in the normal life around it."""
        return Interference()

    @override
    def ground(self, t: float) -> float:
        return self.y
