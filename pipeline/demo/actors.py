"""People, bags and vehicles as lists of strokes (see :mod:`pipeline.demo.canvas`)."""

from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np

from pipeline.demo.canvas import Colour, Stroke, rotated, stroke

Strokes = list[Stroke]


# Colours that a few normal people wear, and anomalies too.
VIVID: tuple[Colour, ...] = (
    (205, 40, 45), (230, 120, 30), (200, 230, 50), (30, 160, 160), (170, 50, 170), (240, 240, 240),
)  # fmt: skip
CASES: tuple[Colour, ...] = ((40, 170, 165), (190, 50, 150), (215, 170, 30))


@dataclass(frozen=True)
class Clothes:
    """Colours of one person."""

    top: Colour
    legs: Colour
    skin: Colour


def muted(
    rng: np.random.Generator, low: float = 40.0, high: float = 190.0, tint: float = 16.0
) -> Colour:
    """A greyish colour; ``tint`` is the standard deviation of each channel from grey."""
    grey = rng.uniform(low, high)
    r, g, b = np.clip(grey + rng.normal(0.0, tint, 3), 15, 235)
    return float(r), float(g), float(b)


def clothes(rng: np.random.Generator, top: Colour | None = None) -> Clothes:
    """Random clothes; now and then a normal person wears a vivid top."""
    skin = rng.uniform(0.45, 1.0)
    if top is None:
        top = VIVID[int(rng.integers(len(VIVID)))] if rng.random() < 0.12 else muted(rng)
    return Clothes(top, muted(rng, 25.0, 110.0), (225 * skin, 175 * skin, 145 * skin))


def person(
    x: float,
    y: float,
    height: float,
    wear: Clothes,
    *,
    facing: float = 1.0,
    phase: float = 0.0,
    stride: float = 0.0,
    lean: float = 0.0,
    arms: tuple[float, float] | None = None,
    tilt: float = 0.0,
) -> Strokes:
    """A person whose feet stand at (x, y).

    ``phase`` is the gait's angle, ``stride`` its amplitude in radians, ``arms``
    the angles of both arms from hanging down, ``tilt`` a fall about the feet.
    """
    h = height
    hip = (x, y - 0.47 * h)
    shoulder = (x + facing * lean * 0.3 * h, y - 0.8 * h)
    head = (shoulder[0] + facing * lean * 0.1 * h, y - 0.91 * h)
    swing = stride * sin(phase)
    if arms is None:
        arms = (-swing, swing)
    strokes = [_arm(shoulder, h, facing * arms[0], wear.skin)]
    for side in (0.0, pi):
        angle = stride * sin(phase + side)
        bend = stride * max(0.0, cos(phase + side))
        knee = (hip[0] + facing * 0.24 * h * sin(angle), hip[1] + 0.24 * h * cos(angle))
        low = angle - bend
        foot = (knee[0] + facing * 0.22 * h * sin(low), knee[1] + 0.22 * h * cos(low))
        strokes.append(stroke(hip, knee, wear.legs, radius=0.05 * h))
        strokes.append(stroke(knee, foot, wear.legs, radius=0.04 * h))
    strokes.append(stroke(hip, shoulder, wear.top, radius=0.055 * h, half_width=0.05 * h))
    strokes.append(_arm(shoulder, h, facing * arms[1], wear.top))
    strokes.append(stroke(head, head, wear.skin, radius=0.075 * h))
    return rotated(strokes, (x, y), tilt) if tilt else strokes


def _arm(shoulder: tuple[float, float], h: float, angle: float, colour: Colour) -> Stroke:
    hand = (shoulder[0] + 0.33 * h * sin(angle), shoulder[1] + 0.33 * h * cos(angle))
    return stroke(shoulder, hand, colour, radius=0.035 * h)


def suitcase(x: float, y: float, size: float, colour: Colour) -> Strokes:
    """An upright case that stands at (x, y), ``size`` high, with a handle."""
    dark = (0.45 * colour[0], 0.45 * colour[1], 0.45 * colour[2])
    top, half = y - 0.8 * size, 0.36 * size
    return [
        stroke((x, top - 0.18 * size), (x, top), dark, radius=0.03 * size, half_width=0.14 * size),
        stroke((x, top), (x, y - 0.06 * size), colour, radius=0.06 * size, half_width=half),
        stroke((x - half, y - 0.5 * size), (x + half, y - 0.5 * size), dark, radius=0.035 * size),
    ]


def car(
    x: float, y: float, length: float, colour: Colour, *, facing: float = 1.0, tilt: float = 0.0
) -> Strokes:
    """A car seen from the side, centred at x, wheels on y."""
    n, f = length, facing
    glass = (45.0, 55.0, 65.0)
    waist, roof = y - 0.19 * n, y - 0.34 * n
    strokes = [
        stroke((x, y - 0.01 * n), (x, y), (20, 20, 20), radius=0.01 * n, half_width=0.46 * n),
        stroke((x - 0.14 * n * f, roof + 0.06 * n), (x - 0.10 * n * f, waist), colour,
               radius=0.05 * n, half_width=0.17 * n),
        stroke((x - 0.13 * n * f, roof + 0.07 * n), (x - 0.10 * n * f, waist), glass,
               radius=0.02 * n, half_width=0.16 * n),
        stroke((x - 0.43 * n, y - 0.14 * n), (x + 0.43 * n, y - 0.14 * n), colour,
               radius=0.06 * n, half_width=0.03 * n),
        stroke((x + 0.46 * n * f, y - 0.16 * n), (x + 0.46 * n * f, y - 0.16 * n),
               (255, 245, 205), radius=0.022 * n),
        stroke((x - 0.47 * n * f, y - 0.16 * n), (x - 0.47 * n * f, y - 0.16 * n),
               (170, 20, 20), radius=0.02 * n),
    ]  # fmt: skip
    for wheel in (-0.28, 0.28):
        hub = (x + wheel * n, y - 0.07 * n)
        strokes.append(stroke(hub, hub, (18, 18, 20), radius=0.075 * n))
        strokes.append(stroke(hub, hub, (120, 120, 120), radius=0.03 * n))
    return rotated(strokes, (x, y), tilt) if tilt else strokes


def bus(x: float, y: float, length: float, height: float, colour: Colour) -> Strokes:
    """A bus, or a train's coach: a long box with a row of windows."""
    mid, half = y - 0.55 * height, 0.42 * height
    strokes = [stroke((x - length / 2, mid), (x + length / 2, mid), colour,
                      radius=0.04 * height, half_width=half)]  # fmt: skip
    for place in np.linspace(-0.42, 0.42, 6):
        cx = x + float(place) * length
        strokes.append(
            stroke((cx, mid - 0.25 * height), (cx, mid), (60, 70, 80),
                   radius=0.02 * height, half_width=0.055 * length)
        )  # fmt: skip
    return strokes


def motorbike(x: float, y: float, size: float, wear: Clothes, *, facing: float) -> Strokes:
    """A motorbike with its rider, ``size`` high including the rider, wheels on y."""
    s, f = size, facing
    back, front = (x - 0.36 * s * f, y - 0.17 * s), (x + 0.36 * s * f, y - 0.17 * s)
    seat, bar = (x - 0.1 * s * f, y - 0.42 * s), (x + 0.24 * s * f, y - 0.5 * s)
    shoulder = (x + 0.04 * s * f, y - 0.78 * s)
    knee = (x + 0.14 * s * f, y - 0.34 * s)
    head = (shoulder[0] + 0.06 * s * f, y - 0.9 * s)
    strokes = [stroke(hub, hub, (15, 15, 15), radius=0.17 * s) for hub in (back, front)]
    strokes += [stroke(hub, hub, (110, 110, 110), radius=0.08 * s) for hub in (back, front)]
    return [
        *strokes,
        stroke(back, (x, y - 0.3 * s), wear.legs, radius=0.06 * s),
        stroke((x, y - 0.3 * s), bar, (60, 60, 65), radius=0.07 * s),
        stroke(bar, front, (80, 80, 85), radius=0.035 * s),
        stroke(seat, knee, wear.legs, radius=0.06 * s),
        stroke(seat, shoulder, wear.top, radius=0.08 * s, half_width=0.04 * s),
        stroke(shoulder, bar, wear.top, radius=0.045 * s),
        stroke(head, head, wear.skin, radius=0.1 * s),
    ]
