"""Where a video happens, what lives there, and how an event disturbs it."""

from dataclasses import dataclass, field
from typing import Protocol

from pipeline.demo.canvas import Canvas
from pipeline.demo.layouts import Layout

Interval = tuple[float, float]  # seconds, half-open


class Actor(Protocol):
    """Something drawn in each frame; nearer ones (larger ``ground``) come later."""

    def ground(self, t: float) -> float:
        """Where it stands at ``t`` seconds, in frame heights from the top."""

    def draw(self, canvas: Canvas, t: float) -> None:
        """Paint it as it is at ``t`` seconds."""


@dataclass(frozen=True)
class Place:
    """Where a video happens: its layout, its width over height, its traffic's direction.

    ``daylight`` is 1 by day, less at night, when every vehicle has its lights on.
    """

    layout: Layout
    aspect: float
    flow: int
    activity: float
    daylight: float = 1.0


@dataclass
class Interference:
    """How an event changes the normal life around it (intervals in seconds).

    ``rush``: the crowd runs in panic.  ``frozen``: the traffic stands still.
    ``closed``: no vehicle uses the near lane, which the event needs.
    """

    rush: list[Interval] = field(default_factory=list)
    frozen: list[Interval] = field(default_factory=list)
    closed: list[Interval] = field(default_factory=list)


def spent(intervals: list[Interval], t: float) -> float:
    """Seconds of ``intervals`` that have passed at ``t``."""
    return sum(min(max(t - start, 0.0), end - start) for start, end in intervals)


def within(intervals: list[Interval], t: float) -> bool:
    """Whether ``t`` lies in one of the intervals."""
    return any(start <= t < end for start, end in intervals)
