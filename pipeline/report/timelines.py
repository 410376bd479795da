"""One video's scores over time as the geometry of a light inline SVG.

The drawing is `WIDTH` by `HEIGHT` units and stretched to the page: x is frame / n_frames * WIDTH.
A score covers exactly the frames [start, end) of its snippet, so lines are steps.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 1000, 100
TICK_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
MOST_TICKS = 7
LAST_LABEL = 70.0  # a last event that starts beyond this percentage has its label on the right


@dataclass(frozen=True)
class Clock:
    """Frames to words. Without a usable frame rate the axis counts frames."""

    n_frames: int
    fps: float

    @property
    def seconds(self) -> float:
        """The video's length in seconds, or in frames without a frame rate."""
        return self.n_frames / self.fps if self.fps > 0 else float(self.n_frames)

    def text(self, seconds: float, decimals: int = 1) -> str:
        """`3.2 s` in videos under two minutes, else `1:05`; `80 fr.` without a frame rate."""
        if not self.fps > 0:
            return f"{seconds:.0f} fr."
        if self.seconds < 120:
            return f"{seconds:.{decimals}f} s"
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}:{rest:02d}"

    def interval(self, start: int, end: int) -> str:
        """Frames [start, end) as `3.2–5.0 s`."""
        scale = self.fps if self.fps > 0 else 1.0
        first, last = self.text(start / scale), self.text(end / scale)
        unit = first.partition(" ")[2]
        return f"{first.removesuffix(' ' + unit) if unit else first}–{last}"

    def ticks(self) -> list[tuple[str, float]]:
        """`(label, percentage of the width)` of each round time, 0 first; the last stays inside."""
        coarse = max(TICK_STEPS[-1], self.seconds / MOST_TICKS)
        step = next((s for s in TICK_STEPS if self.seconds / s <= MOST_TICKS), coarse)
        decimals = 1 if step < 1 else 0
        at = np.arange(0.0, self.seconds * 0.97, step)
        return [(self.text(t, decimals), round(100 * t / self.seconds, 3)) for t in at]


@dataclass(frozen=True)
class Scale:
    """The scores' range on the page, the same for all videos: 0..1 unless a score leaves it."""

    low: float
    high: float

    @classmethod
    def of(cls, scores: npt.NDArray[np.float64]) -> "Scale":
        """The scale that holds all `scores`, if there are any."""
        return cls(min([0.0, *scores.tolist()]), max([1.0, *scores.tolist()]))

    def y(self, score: float) -> float:
        """Distance from the top in drawing units."""
        return HEIGHT * (self.high - score) / (self.high - self.low)


@dataclass(frozen=True)
class Trace:
    """A model's line (mean over seeds) and band (min..max over seeds) as SVG `points`."""

    model: str
    colour: int
    line: str
    band: str


@dataclass(frozen=True)
class Span:
    """A stretch of the time axis in drawing units, with what to read there."""

    x: str
    width: str
    text: str


@dataclass(frozen=True)
class Label:
    """An event's category above the drawing; percentages of the width."""

    text: str
    left: float
    room: float
    from_right: bool


def lines(
    seeds: npt.NDArray[np.float64], spans: list[tuple[int, int]], clock: Clock, scale: Scale
) -> tuple[str, str]:
    """`points` of the line and the band of `seeds` (n_seeds, T) over T frame intervals."""
    xs = [[x(edge, clock.n_frames) for edge in span] for span in spans]
    low, mean, high = seeds.min(axis=0), seeds.mean(axis=0), seeds.max(axis=0)  # each (T,)
    band = [*_steps(xs, high, scale), *reversed(_steps(xs, low, scale))] if len(seeds) > 1 else []
    return " ".join(_steps(xs, mean, scale)), " ".join(band)


def _steps(xs: list[list[str]], scores: npt.NDArray[np.float64], scale: Scale) -> list[str]:
    return [
        f"{edge},{number(scale.y(float(score)))}"
        for pair, score in zip(xs, scores, strict=True)
        for edge in pair
    ]


def span(start: int, end: int, n_frames: int, text: str) -> Span:
    """Frames [start, end) on the time axis."""
    return Span(x(start, n_frames), x(end - start, n_frames), text)


def labels(events: list[dict[str, Any]], n_frames: int) -> list[Label]:
    """Where each event's category stands without running into the next one."""
    if not events:
        return []
    lefts = [100 * event["start"] / n_frames for event in events]
    from_right = lefts[-1] > LAST_LABEL
    ends = [*lefts[1:], 100.0]
    if from_right:
        ends = [min(end, LAST_LABEL) for end in ends[:-1]] + [100.0]
        lefts[-1] = LAST_LABEL
    return [
        Label(event["category"], round(left, 3), round(max(end - left, 0.0), 3), right)
        for event, left, end, right in zip(
            events, lefts, ends, [False] * (len(events) - 1) + [from_right], strict=True
        )
    ]


def x(frame: int, n_frames: int) -> str:
    """A frame's place (or a number of frames' width) in drawing units."""
    return number(WIDTH * frame / n_frames)


def number(value: float) -> str:
    """Two decimals at most: finer than a pixel, and short."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
