"""Drawing on one frame: anti-aliased strokes, soft glows and blended patches.

Lengths are in units of the frame's height, x to the right, y downwards, the
origin at the upper left corner.  Colours are RGB in 0..255.
"""

from math import hypot

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Colour = tuple[float, float, float]

# Two end points (x, y, x, y), half width, corner radius, colour (r, g, b).
Stroke = tuple[float, float, float, float, float, float, float, float, float]


def stroke(
    a: tuple[float, float],
    b: tuple[float, float],
    colour: Colour,
    *,
    radius: float,
    half_width: float = 0.0,
) -> Stroke:
    """Rounded box along the segment a-b; a capsule when ``half_width`` is 0."""
    return (*a, *b, half_width, radius, *colour)


def rotated(strokes: list[Stroke], centre: tuple[float, float], angle: float) -> list[Stroke]:
    """The strokes turned by ``angle`` (radians, clockwise on screen) about ``centre``."""
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    cx, cy = centre

    def turn(x: float, y: float) -> tuple[float, float]:
        return cx + (x - cx) * cos - (y - cy) * sin, cy + (x - cx) * sin + (y - cy) * cos

    return [(*turn(s[0], s[1]), *turn(s[2], s[3]), *s[4:]) for s in strokes]


class Canvas:
    """A frame under construction: float32 RGB with a margin for camera shake.

    ``pixels`` is (3, H + 2 margin, W + 2 margin): with colours outermost, NumPy
    runs along whole rows, several times as fast as along three channels.
    ``daylight`` is the share of it that the camera will be given: what shines by
    itself is drawn as much brighter, and comes out as by day.
    """

    def __init__(
        self, background: FloatArray, height: int, margin: int, daylight: float = 1.0
    ) -> None:
        self.pixels = background.copy()
        self.height = height
        self.margin = margin
        self.daylight = daylight
        offset, scale = np.float32(0.5 - margin), np.float32(1 / height)
        self._rows = (np.arange(self.pixels.shape[1], dtype=np.float32) + offset) * scale
        self._columns = (np.arange(self.pixels.shape[2], dtype=np.float32) + offset) * scale

    def box(
        self, x0: float, y0: float, x1: float, y1: float
    ) -> tuple[slice, slice, FloatArray, FloatArray] | None:
        """Pixels of a rectangle: slices and pixel-centre coordinates; None when off-frame."""
        rows, columns = self.pixels.shape[1:]
        left = max(int(x0 * self.height) + self.margin - 1, 0)
        right = min(int(x1 * self.height) + self.margin + 2, columns)
        top = max(int(y0 * self.height) + self.margin - 1, 0)
        bottom = min(int(y1 * self.height) + self.margin + 2, rows)
        if left >= right or top >= bottom:
            return None
        xs = self._columns[left:right]
        ys = self._rows[top:bottom]
        return slice(top, bottom), slice(left, right), xs, ys

    def strokes(self, strokes: list[Stroke]) -> None:
        """Paint strokes in order, later ones over earlier ones."""
        thinnest = 0.5 / self.height
        for ax, ay, bx, by, full_half, full_radius, *colour in strokes:
            reach = full_half + full_radius
            # Below half a pixel a stroke would come out half transparent.
            radius = max(full_radius, thinnest)
            half = max(reach - radius, 0.0)
            x0, x1 = (ax, bx) if ax < bx else (bx, ax)
            y0, y1 = (ay, by) if ay < by else (by, ay)
            area = self.box(x0 - reach, y0 - reach, x1 + reach, y1 + reach)
            if area is None:
                continue
            rows, columns, xs, ys = area
            alpha = _distance(xs - ax, ys - ay, bx - ax, by - ay, half)
            # Coverage of a pixel: 1 half a pixel inside the edge, 0 half a pixel outside.
            alpha *= -self.height
            alpha += 0.5 + radius * self.height
            np.minimum(np.maximum(alpha, 0, out=alpha), 1, out=alpha)
            self.blend((rows, columns), np.array(colour, np.float32).reshape(3, 1, 1), alpha)

    def blend(self, area: tuple[slice, slice], colour: FloatArray, alpha: FloatArray) -> None:
        """Mix ``colour`` (3, h, w) or (3, 1, 1) into an area with weights ``alpha`` (h, w)."""
        patch = self.pixels[:, area[0], area[1]]
        change = colour - patch
        change *= alpha
        patch += change

    def glow(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Add light that falls off as a Gaussian of standard deviation ``radius`` / 2."""
        area = self.box(x - radius, y - radius, x + radius, y + radius)
        if area is None:
            return
        rows, columns, xs, ys = area
        scale = 2.0 / radius**2
        fall = np.exp(-scale * (ys - y) ** 2)[:, None] * np.exp(-scale * (xs - x) ** 2)
        light = np.asarray(colour, np.float32) / np.float32(self.daylight)
        self.pixels[:, rows, columns] += light[:, None, None] * fall


def _distance(dx: FloatArray, dy: FloatArray, ux: float, uy: float, half: float) -> FloatArray:
    """Distance (h, w) to a box around the segment from the origin to (ux, uy)."""
    length = hypot(ux, uy)
    if length < 1e-6:
        from_point: FloatArray = np.sqrt(np.add.outer(dy * dy, dx * dx))
        return from_point
    ex, ey = ux / length, uy / length
    along = np.add.outer(dy * ey, dx * ex)
    across = np.add.outer(dy * ex, dx * -ey)
    along -= length / 2
    np.maximum(np.abs(along, out=along) - length / 2, 0, out=along)
    if half > 0:
        np.maximum(np.abs(across, out=across) - half, 0, out=across)
    along *= along
    across *= across
    along += across
    distance: FloatArray = np.sqrt(along, out=along)
    return distance
