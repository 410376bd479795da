"""The static, textured background of each kind of place."""

from collections.abc import Callable

import numpy as np

from pipeline.demo.actors import car, muted
from pipeline.demo.canvas import Canvas, Colour, FloatArray, stroke
from pipeline.demo.effects import smooth_noise
from pipeline.demo.layouts import Layout, vehicle_length


def paint_background(
    layout: Layout,
    width: int,
    height: int,
    margin: int,
    rng: np.random.Generator,
    daylight: float = 1.0,
) -> FloatArray:
    """Background (3, H + 2 margin, W + 2 margin), float32 RGB in 0..255; with lamps at night."""
    rows, columns = height + 2 * margin, width + 2 * margin
    canvas = Canvas(np.zeros((3, rows, columns), np.float32), height, margin, daylight)
    aspect = width / height
    tint = rng.normal(0.0, 9.0, 3)
    ground, wall = rng.uniform(85, 125) + tint, rng.uniform(100, 150) - tint
    horizon = int(layout.wall * height) + margin
    canvas.pixels[:, :horizon] = wall[:, None, None]
    shade = np.linspace(0.8, 1.1, rows - horizon, dtype=np.float32)[:, None]
    canvas.pixels[:, horizon:] = shade * ground.astype(np.float32)[:, None, None]
    _PAINTERS[layout.name](canvas, layout, aspect, rng)
    if daylight < 1:
        _lamps(canvas, layout, aspect)
    texture = smooth_noise(rng, rows, columns, 40) + smooth_noise(rng, rows, columns, 9)
    canvas.pixels *= 0.86 + 0.14 * texture
    canvas.pixels += rng.normal(0, 4, (rows, columns)).astype(np.float32)
    return np.clip(canvas.pixels, 0, 255)


def _band(canvas: Canvas, aspect: float, y0: float, y1: float, colour: Colour) -> None:
    middle = (y0 + y1) / 2
    canvas.strokes([stroke((-0.2, middle), (aspect + 0.2, middle), colour,
                           radius=0.0, half_width=(y1 - y0) / 2)])  # fmt: skip


def _lamps(canvas: Canvas, layout: Layout, aspect: float) -> None:
    """Lamps along the wall, each with a pool of light on the ground."""
    for x in np.arange(0.2, aspect + 0.2, 0.55):
        canvas.glow(float(x), layout.wall - 0.25, 0.08, (120, 105, 70))
        canvas.glow(float(x), layout.wall + 0.15, 0.3, (50, 42, 26))


def _windows(canvas: Canvas, aspect: float, wall: float, rng: np.random.Generator) -> None:
    pitch = rng.uniform(0.16, 0.24)
    size = 0.33 * pitch
    for y in np.arange(wall - 0.14, -0.05, -1.25 * pitch):
        for x in np.arange(0.08, aspect + 0.1, pitch):
            shade = float(rng.uniform(35, 95))
            canvas.strokes([stroke((x, y - size), (x, y), (shade, shade, 1.1 * shade),
                                   radius=0.005, half_width=0.6 * size)])  # fmt: skip


def _street(canvas: Canvas, layout: Layout, aspect: float, rng: np.random.Generator) -> None:
    _windows(canvas, aspect, layout.wall, rng)
    _band(canvas, aspect, 0.42, 0.55, (138.0, 134.0, 128.0))
    _band(canvas, aspect, 0.55, 0.565, (175.0, 172.0, 165.0))
    _band(canvas, aspect, 0.565, 0.95, muted(rng, 62, 88, tint=4.0))
    for x in np.arange(0.05, aspect + 0.2, 0.3):
        canvas.strokes([stroke((x, 0.735), (x + 0.14, 0.735), (205, 205, 195), radius=0.008)])


def _carpark(canvas: Canvas, layout: Layout, aspect: float, rng: np.random.Generator) -> None:
    _band(canvas, aspect, 0.0, 0.12, (150.0, 160.0, 170.0))
    _band(canvas, aspect, 0.22, 0.3, (62.0, 82.0, 58.0))
    pitch = vehicle_length(0.45) + 0.08
    for i, x in enumerate(np.arange(0.1, aspect + 0.3, pitch)):
        left = float(x) - pitch / 2
        canvas.strokes([stroke((left, 0.36), (left - 0.03, 0.52), (190, 190, 180), radius=0.006)])
        if rng.random() < 0.75 or i == 0:
            canvas.strokes(car(float(x), 0.46, vehicle_length(0.45), muted(rng, 60, 200)))


def _square(canvas: Canvas, layout: Layout, aspect: float, rng: np.random.Generator) -> None:
    _windows(canvas, aspect, layout.wall, rng)
    r, g, b = (0.85 * canvas.pixels[:, -1, 0]).tolist()
    line = (r, g, b)
    for y in layout.wall + (1.1 - layout.wall) * np.linspace(0, 1, 9) ** 1.6:
        canvas.strokes([stroke((-0.2, y), (aspect + 0.2, y), line, radius=0.003)])
    for x in np.linspace(-1.0, aspect + 1.0, 18):
        near = aspect / 2 + 2.2 * (x - aspect / 2)
        canvas.strokes([stroke((x, layout.wall), (near, 1.1), line, radius=0.003)])
    for x in rng.uniform(0.0, aspect, 3):
        trunk, crown = (float(x), 0.32), (float(x), 0.2)
        canvas.strokes([stroke(trunk, crown, (70, 55, 40), radius=0.012),
                        stroke(crown, (float(x), 0.13), (52, 78, 48), radius=0.085)])  # fmt: skip


def _platform(canvas: Canvas, layout: Layout, aspect: float, rng: np.random.Generator) -> None:
    _band(canvas, aspect, 0.36, 0.46, (48.0, 46.0, 44.0))
    for y in (0.385, 0.43):
        _band(canvas, aspect, y, y + 0.008, (120.0, 115.0, 110.0))
    _band(canvas, aspect, 0.47, 0.49, (178.0, 160.0, 70.0))
    pillar = muted(rng, 90, 160)
    for x in np.arange(rng.uniform(0.1, 0.3), aspect, 0.55):
        canvas.strokes([stroke((x, -0.1), (x, 0.55), pillar, radius=0.01, half_width=0.03)])
    for x in rng.uniform(0.1, aspect - 0.1, 2):
        canvas.strokes([stroke((x, 0.16), (x + 0.16, 0.16), muted(rng, 90, 200),
                               radius=0.01, half_width=0.06)])  # fmt: skip


def _corridor(canvas: Canvas, layout: Layout, aspect: float, rng: np.random.Generator) -> None:
    _band(canvas, aspect, layout.wall - 0.02, layout.wall + 0.01, (70.0, 66.0, 62.0))
    door = muted(rng, 70, 120)
    for x in np.arange(rng.uniform(0.05, 0.25), aspect, 0.42):
        canvas.strokes([
            stroke((x, 0.14), (x, layout.wall - 0.02), door, radius=0.005, half_width=0.08),
            stroke((x + 0.055, 0.31), (x + 0.055, 0.31), (200, 195, 170), radius=0.01),
        ])  # fmt: skip
    for x in np.arange(0.1, aspect, 0.4):
        canvas.strokes([stroke((x, 0.03), (x + 0.18, 0.03), (235, 235, 225), radius=0.015)])
        canvas.glow(float(x) + 0.09, 0.85, 0.25, (22, 22, 20))


_PAINTERS: dict[str, Callable[[Canvas, Layout, float, np.random.Generator], None]] = {
    "street": _street,
    "carpark": _carpark,
    "square": _square,
    "platform": _platform,
    "corridor": _corridor,
}
