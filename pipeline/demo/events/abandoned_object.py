"""A case that its owner leaves behind."""

import numpy as np
from typing_extensions import override

from pipeline.demo.actors import CASES, clothes, person, suitcase
from pipeline.demo.canvas import Canvas
from pipeline.demo.events.base import EventBase
from pipeline.demo.layouts import person_height


class AbandonedObject(EventBase):
    """Somebody sets a large case down and walks off; it lies there until fetched."""

    @override
    def plan(self, rng: np.random.Generator) -> None:
        self.y = max(self.y, 0.7)
        self.way = float(rng.choice((-1, 1)))
        self.wear = clothes(rng)
        self.colour = CASES[int(rng.integers(len(CASES)))]
        self.size = float(rng.uniform(0.24, 0.3))

    @override
    def draw(self, canvas: Canvas, t: float) -> None:
        height = person_height(self.y)
        away = min(t - self.start, 0.0) if t < self.end else t - self.end
        if self.start <= t < self.end:
            canvas.strokes(suitcase(self.x, self.y, self.size, self.colour))
            # The owner walks off in the first half and comes back in the second.
            away = t - self.start if t - self.start < self.end - t else t - self.end
        else:
            carried = self.x + self.way * 0.3 * away
            canvas.strokes(suitcase(carried, self.y, self.size, self.colour))
        speed = 0.3 if not self.start <= t < self.end else 0.6
        x = self.x + self.way * (speed * away + 0.14)
        canvas.strokes(person(x, self.y, height, self.wear, facing=self.way,
                              phase=5.5 * t, stride=0.5))  # fmt: skip
