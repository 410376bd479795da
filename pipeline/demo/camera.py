"""The camera: shake, drifting light, sudden light switches and sensor noise."""

from math import pi, sin

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.canvas import FloatArray
from pipeline.demo.place import Interval, within

MARGIN = 4  # pixels around the frame that shake can bring into view
NOISE_PAD = 16


class Camera:
    """Turns a drawn scene into the 8-bit frames of one video."""

    def __init__(
        self, *, width: int, height: int, seconds: float, light: float, noise: float,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self._size = (height, width)
        self._light = light
        self._phases = rng.uniform(0, 2 * pi, 4)
        self._drift = float(rng.uniform(0.02, 0.08))
        self._sway = float(rng.uniform(0.3, 1.2)) * height / 120
        self._bumps = _intervals(rng, seconds, seconds / 9, (0.4, 1.6))
        self._switches = _intervals(rng, seconds, seconds / 10, (0.8, 3.0))
        self._step = float(rng.choice((-0.22, 0.2)))
        pad = (3, height + NOISE_PAD, width + NOISE_PAD)
        self._noise = noise * rng.standard_normal(pad, dtype=np.float32)
        self._rng = rng

    def expose(self, pixels: FloatArray, t: float) -> NDArray[np.uint8]:
        """Frame (H, W, 3) uint8 RGB of a canvas (3, H + 2 MARGIN, W + 2 MARGIN) at ``t`` s."""
        height, width = self._size
        dx, dy = self._offset(t)
        frame = pixels[:, MARGIN + dy : MARGIN + dy + height, MARGIN + dx : MARGIN + dx + width]
        y, x = self._rng.integers(0, NOISE_PAD, 2)
        frame = frame * np.float32(self._gain(t)) + self._noise[:, y : y + height, x : x + width]
        return np.ascontiguousarray(np.clip(frame, 0, 255).astype(np.uint8).transpose(1, 2, 0))

    def _gain(self, t: float) -> float:
        gain = self._light * (1.0 + self._drift * sin(0.5 * t + self._phases[0]))
        return float(gain * (1.0 + self._step * within(self._switches, t)))

    def _offset(self, t: float) -> tuple[int, int]:
        a, b, c, d = self._phases
        sway = self._sway * (sin(1.3 * t + b) + 0.5 * sin(3.1 * t + c))
        nod = 0.6 * self._sway * sin(1.9 * t + d)
        if within(self._bumps, t):
            sway += 2.0 * sin(38 * t + a)
            nod += 2.0 * sin(31 * t + b)
        return tuple(int(np.clip(round(float(v)), -MARGIN, MARGIN)) for v in (sway, nod))  # type: ignore[return-value]


def _intervals(
    rng: np.random.Generator, seconds: float, mean_count: float, lengths: tuple[float, float]
) -> list[Interval]:
    starts = rng.uniform(0, seconds, int(rng.poisson(mean_count)))
    return [(float(s), float(s + rng.uniform(*lengths))) for s in starts]
