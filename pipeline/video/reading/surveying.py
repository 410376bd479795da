"""What a video file is, as its decoder finds it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import av
import numpy as np

from pipeline.video.reading.complaints import reason
from pipeline.video.reading.container import Opened
from pipeline.video.reading.errors import DecodeError
from pipeline.video.reading.pictures import Frame

JUMP = 100  # a step this many times the median is the clock's


Way = Literal["index", "order", "salvage", "decord"]


@dataclass(frozen=True)
class Survey:
    """Length, rate and size (upright, of the first frame) of a video, and how its frames are had.

    `n_frames` is what the decoder yields; of a damaged file it ends with the last frame that
    decodes. `n_lost` frames are stated by the file and cannot be decoded; `damage` says why.
    `way`: see `opening.reader`.
    """

    n_frames: int
    fps: float
    width: int
    height: int
    way: Way
    n_lost: int = 0
    damage: str = ""


class Reader(Protocol):
    """One way to read a video file."""

    def frames(self, numbers: Sequence[int]) -> Iterator[tuple[int, Frame]]:
        """(number, frame) of each of the distinct, increasing `numbers`, in order."""


@contextmanager
def refusing_damage() -> Iterator[None]:
    """Turn libav's errors into `DecodeError`."""
    try:
        yield
    except (av.FFmpegError, OSError, MemoryError, EOFError, IndexError) as error:
        raise DecodeError(f"damaged: {reason(error)} (decode.salvage uses what decodes)") from None


def rate(video: Opened, times: Iterable[int | None]) -> float:
    """Frames a second: what the file states where it agrees with its frames' times, else theirs.

    `times` in ticks of the stream, in the order of display; jumps of a camera's clock are left
    out. To agree is to lie within 1 % of the mean rate, or of the usual one (where frames are
    missing). Raises `DecodeError` where there is neither.
    """
    known = [time for time in times if time is not None]
    stated = float(video.stream.average_rate or 0)
    steps = np.diff(np.array(known, dtype=np.float64)) * float(video.stream.time_base)
    steps = steps[steps > 0]  # a clock that goes back counts no frame
    steps = steps[steps <= JUMP * np.median(steps)] if len(steps) else steps
    if len(steps):
        measured = 1 / np.array([steps.mean(), np.median(steps)])
        if not (np.abs(stated / measured - 1) < 0.01).any():
            stated = float(measured[0])
    if not stated > 0:
        raise DecodeError("the file states no frame rate, and its frames have no times")
    return stated


def require_whole(video: Opened, path: Path) -> None:
    """Raise `DecodeError` where the container's index names bytes beyond the file's end."""
    missing = beyond(video, path)
    if missing:
        raise DecodeError(
            f"cut short: {len(missing)} of {len(video.stream.index_entries)} frames lie beyond the "
            "end of the file (decode.salvage uses what decodes)"
        )


def beyond(video: Opened, path: Path) -> list[int]:
    """Where the packets begin, in bytes, that the container's index puts behind the file's end."""
    size = path.stat().st_size
    return [entry.pos for entry in video.stream.index_entries if entry.pos + entry.size > size]
