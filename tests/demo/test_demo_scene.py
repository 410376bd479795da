"""What is drawn: events change their own frames, at a visible size, and only then."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.config import DEMO_CATEGORIES, Demo
from pipeline.demo import DemoEvent, DemoVideo, plan_videos
from pipeline.demo.canvas import Canvas, stroke
from pipeline.demo.scene import frame_times, frames

EVENT = (45, 75)  # frames of a 4-second video at 25 per second


def short(category: str) -> DemoVideo:
    """A small plan of four seconds with one event of ``category``."""
    plan = plan_videos(Demo(seed=1, n_train=8, n_test=4, categories=[category]))
    video = next(v for v in plan if v.category == category and v.codec == "plain")
    return replace(
        video, width=160, height=120, n_frames=100, noise=0.0, broken=None,
        events=(DemoEvent(*EVENT, category),),
    )  # fmt: skip


def changed_share(video: DemoVideo) -> NDArray[np.float64]:
    """Share of pixels that the event changes, frame by frame: (n_frames,)."""
    pairs: Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = zip(
        frames(video, seed=1), frames(replace(video, events=()), seed=1), strict=True
    )
    return np.array(
        [(np.abs(a.astype(int) - b.astype(int)).max(axis=2) > 12).mean() for a, b in pairs]
    )


@pytest.mark.parametrize("category", DEMO_CATEGORIES)
def test_an_event_changes_its_frames(category: str) -> None:
    during = changed_share(short(category))[slice(*EVENT)]
    # At least 2 % of the frame, for all but moments of the event.
    assert np.mean(during > 0.02) > 0.8


@pytest.mark.parametrize("category", ["Explosion", "Fire", "Flood", "Panic", "WrongWay"])
def test_outside_the_event_the_scene_is_as_without_it(category: str) -> None:
    share = changed_share(short(category))
    assert share[: EVENT[0]].max() == 0
    # A crowd that ran, and traffic that stood, are elsewhere afterwards.
    if category not in ("Explosion", "Panic"):
        assert share[EVENT[1] :].max() == 0


def test_frames_are_reproducible_and_noisy() -> None:
    video = replace(short("Fire"), n_frames=3, noise=4.0, events=())
    first, second = (np.stack(list(frames(video, seed=5))) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.shape == (3, 120, 160, 3)
    assert np.abs(first[0].astype(int) - first[1]).mean() > 1


def test_variable_rate_times_increase_irregularly() -> None:
    video = replace(short("Fire"), codec="variable_rate")
    steps = np.diff(frame_times(video, seed=1))
    assert steps.min() >= 0.5 / 25
    assert steps.max() <= 1.5 / 25
    assert steps.std() > 0.2 / 25


def test_a_stroke_covers_its_area() -> None:
    canvas = Canvas(np.zeros((3, 100, 100), np.float32), height=100, margin=0)
    canvas.strokes([stroke((0.5, 0.5), (0.5, 0.5), (100.0, 0.0, 0.0), radius=0.2)])
    assert canvas.pixels[0].sum() / 100 == pytest.approx(np.pi * 20**2, rel=0.01)
    canvas = Canvas(np.zeros((3, 100, 100), np.float32), height=100, margin=0)
    canvas.strokes([stroke((0.2, 0.5), (0.8, 0.5), (0.0, 100.0, 0.0), radius=0.0, half_width=0.1)])
    assert canvas.pixels[1].sum() / 100 == pytest.approx(60 * 20, rel=0.02)
    assert canvas.pixels[0].max() == canvas.pixels[2].max() == 0


def test_drawing_outside_the_frame_is_harmless() -> None:
    canvas = Canvas(np.zeros((3, 50, 50), np.float32), height=50, margin=0)
    canvas.strokes([stroke((3.0, 3.0), (4.0, 3.0), (255.0, 255.0, 255.0), radius=0.1)])
    canvas.glow(-5.0, 0.5, 0.3, (90.0, 90.0, 90.0))
    assert canvas.pixels.max() == 0
