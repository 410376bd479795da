"""Events as frame intervals of their video: pure arithmetic."""

import math

from pipeline.datasets.listing import Event

Span = tuple[int, int, str]  # first frame, frame after the last, category


def in_frames(event: Event, fps: float) -> Span:
    """An event in frames, at `fps` frames a second.

    Frame f is shown at f / fps, so `[start, end)` seconds hold frames `ceil(start * fps)` to
    `ceil(end * fps)`.
    """
    if event.unit == "frames":
        return int(event.start), int(event.end), event.category
    return _frame_at(event.start * fps), _frame_at(event.end * fps), event.category


def _frame_at(position: float) -> int:
    """The first frame at or after a position in frames.

    A position a hair after a frame is that frame: a product of floats is rarely exact, and a rate
    is stored as float32, which is exact to 2**-24 of its value.
    """
    return math.ceil(position - 1e-6 - position * 2**-23)


def clip(spans: list[Span], n_frames: int) -> tuple[list[Span], int, int]:
    """The spans within `[0, n_frames)`, how many had to be cut, and how many hold no frame.

    Those that hold no frame are left out: they begin after the video, or are shorter than a frame.
    """
    clipped = [(start, min(end, n_frames), category) for start, end, category in spans]
    kept = [span for span in clipped if span[0] < span[1]]
    n_cut = sum(start < n_frames < end for start, end, _ in spans)
    return kept, n_cut, len(spans) - len(kept)
