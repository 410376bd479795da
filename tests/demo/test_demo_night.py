"""Night: dark but for what shines by itself."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.demo import scene
from pipeline.demo.background import paint_background
from pipeline.demo.canvas import Canvas
from pipeline.demo.effects import Plume
from pipeline.demo.layouts import LAYOUTS
from pipeline.demo.place import Actor, Interference, Place
from pipeline.demo.scene import frames
from pipeline.demo.traffic import traffic
from tests.demo.test_demo_scene import EVENT, short

STREET = Place(LAYOUTS["street"], aspect=4 / 3, flow=1, activity=1.0)


def test_night_dims_the_place_and_not_the_fire() -> None:
    day = replace(short("Fire"), light=1.0)
    night = replace(day, daylight=0.4)
    before, during = EVENT[0] - 10, EVENT[0] + 20
    means, flames = [], []
    for video in (day, night):
        shown = np.stack(list(frames(video, seed=1))).astype(int)
        means.append(shown[before].mean())
        flames.append((shown[during, ..., 0] - shown[during, ..., 2] > 90).mean())
    assert 0.3 * means[0] < means[1] < 0.7 * means[0]
    assert flames[0] > 0.01
    assert flames[1] > 0.8 * flames[0]


def test_night_has_lamps() -> None:
    day, night = (
        paint_background(STREET.layout, 160, 120, 4, np.random.default_rng(0), daylight)
        for daylight in (1.0, 0.4)
    )
    assert (night >= day).all()
    lit = (night > day + 30).all(axis=0)
    assert 0.02 < lit.mean() < 0.5


def test_the_scene_tells_its_inhabitants_that_it_is_night(monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[Place] = []

    def nobody(place: Place, change: Interference, rng: np.random.Generator) -> list[Actor]:
        places.append(place)
        return []

    monkeypatch.setattr(scene, "populate", nobody)
    next(iter(frames(replace(short("Fire"), daylight=0.4), seed=1)))
    assert [place.daylight for place in places] == [0.4]


@pytest.mark.parametrize("daylight", [1.0, 0.5, 0.25])
def test_light_is_drawn_as_bright_as_the_camera_will_dim_it(daylight: float) -> None:
    canvas = Canvas(np.zeros((3, 60, 60), np.float32), 60, 0, daylight)
    canvas.glow(0.5, 0.5, 0.4, (80.0, 40.0, 20.0))
    by_day = Canvas(np.zeros((3, 60, 60), np.float32), 60, 0)
    by_day.glow(0.5, 0.5, 0.4, (80.0, 40.0, 20.0))
    assert by_day.pixels.max() > 75
    np.testing.assert_allclose(daylight * canvas.pixels, by_day.pixels, rtol=1e-6)
    for drawn in (canvas, by_day):
        drawn.pixels[:] = 0
        Plume(np.random.default_rng(0)).flame(drawn, (0.5, 0.9), (0.5, 0.7), 0.0)
    assert by_day.pixels.max() > 200
    np.testing.assert_allclose(daylight * canvas.pixels, by_day.pixels, rtol=1e-5)


def test_every_vehicle_is_lit_at_night_and_otherwise_the_same() -> None:
    day, night = (
        [
            vehicle
            for seed in range(8)
            for vehicle in traffic(
                replace(STREET, daylight=daylight), 0.9, Interference(), np.random.default_rng(seed)
            )
        ]
        for daylight in (1.0, 0.5)
    )
    assert not all(vehicle.lit for vehicle in day)
    assert all(vehicle.lit for vehicle in night)
    assert [(v.kind, v.colour, v.start) for v in day] == [
        (v.kind, v.colour, v.start) for v in night
    ]
