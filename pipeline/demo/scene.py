"""One video as a sequence of frames: background, normal life, distractors, events."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.background import paint_background
from pipeline.demo.camera import MARGIN, Camera
from pipeline.demo.canvas import Canvas
from pipeline.demo.distractors import distract
from pipeline.demo.events import EVENTS, EventBase
from pipeline.demo.layouts import LAYOUTS
from pipeline.demo.place import Actor, Interference, Place
from pipeline.demo.plan import DemoVideo
from pipeline.demo.population import populate
from pipeline.demo.rng import stream


def frame_times(video: DemoVideo, seed: int) -> NDArray[np.float64]:
    """When each frame is taken: (n_frames,) seconds, irregular for ``variable_rate``."""
    if video.codec != "variable_rate":
        return np.arange(video.n_frames) / float(video.fps)
    gaps = stream(seed, video.name, "times").uniform(0.5, 1.5, video.n_frames) / float(video.fps)
    return np.concatenate([[0.0], np.cumsum(gaps)[:-1]])


def frames(video: DemoVideo, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Frames (H, W, 3) uint8 RGB, in order.

    A copy of ``video`` with fewer events gives the same scene without them.
    """
    times = frame_times(video, seed)
    seconds = float(times[-1]) + 1.0 / float(video.fps)
    place = Place(
        LAYOUTS[video.scene], video.width / video.height, video.flow, video.activity, video.daylight
    )
    events = _events(video, place, np.append(times, seconds), seed)
    actors: list[Actor] = [
        *populate(place, _all_of(events), stream(seed, video.name, "population")),
        *distract(place, seconds, stream(seed, video.name, "distractors")),
        *events,
    ]
    background = paint_background(
        place.layout,
        video.width,
        video.height,
        MARGIN,
        stream(seed, video.name, "background"),
        video.daylight,
    )
    camera = Camera(
        width=video.width,
        height=video.height,
        seconds=seconds,
        light=video.light * video.daylight,
        noise=video.noise,
        rng=stream(seed, video.name, "camera"),
    )
    for t in times.tolist():
        canvas = Canvas(background, video.height, MARGIN, video.daylight)
        for actor in sorted(actors, key=lambda actor: actor.ground(t)):
            actor.draw(canvas, t)
        yield camera.expose(canvas.pixels, t)


def _events(
    video: DemoVideo, place: Place, edges: NDArray[np.float64], seed: int
) -> list[EventBase]:
    return [
        EVENTS[event.category](
            place,
            (float(edges[event.start]), float(edges[event.end])),
            stream(seed, video.name, "event", str(i)),
        )
        for i, event in enumerate(video.events)
    ]


def _all_of(events: list[EventBase]) -> Interference:
    total = Interference()
    for event in events:
        change = event.interferes()
        total.rush += change.rush
        total.frozen += change.frozen
        total.closed += change.closed
    return total
