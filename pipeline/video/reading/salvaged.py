"""The frames of a damaged video that still decode, each in its place in time."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.video.reading.container import Shown, decoded, opened
from pipeline.video.reading.errors import DecodeError
from pipeline.video.reading.pictures import Frame, Upright
from pipeline.video.reading.surveying import Survey, beyond, rate

OFF_BEAT = 0.25  # of a step: how far rounded times may lie off a steady beat
MOST_LOST = 4  # times as many numbers as packets: more is no loss but a jump of the clock
Numbers = npt.NDArray[np.int64]


class Salvaged:
    """Reads a file as tolerantly as ffmpeg's command line.

    A frame that is lost leaves its number empty where the packets' times tell (so that events
    stay where they were annotated); the nearest decoded frame stands for it. Numbers after the
    last decoded frame are no frames.
    """

    def __init__(self, path: Path, damage: str = "") -> None:
        """`damage`: why the file is not read as a sound one."""
        self.path = path
        self.damage = damage

    @cached_property
    def _read(self) -> tuple[list[Shown], list[int | None]]:
        """The packets that show a frame, and the times in ticks of the frames that decode."""
        packets: list[Shown] = []
        with opened(self.path, tolerant=True) as video:
            frames = [frame.pts for frame in decoded(video, tolerant=True, shown=packets)]
        return packets, frames

    @cached_property
    def _numbered(self) -> tuple[Numbers, Numbers]:
        """The numbers of the frames that decode and of the packets that were read, increasing."""
        packets, frames = self._read
        times = np.unique([packet.pts for packet in packets if packet.pts is not None])
        in_time = len(times) == len(packets) and set(frames) <= set(times.tolist())
        if not in_time or len(set(frames)) < len(frames):
            return np.arange(len(frames)), np.arange(len(packets))
        numbers = numbers_of(times)
        known = np.array(frames, dtype=np.int64)
        return np.sort(numbers[np.searchsorted(times, known)]), numbers

    def survey(self) -> Survey:
        """Decodes the whole video."""
        packets, frames = self._read
        if not frames:
            raise DecodeError(f"no frame decodes ({self.damage or 'damaged'})")
        places, numbers = self._numbered
        with opened(self.path, tolerant=True) as video:
            never_read = set(beyond(video, self.path)) - {packet.pos for packet in packets}
            fps = rate(video, frames)
        height, width, _ = next(self.frames([int(places[0])]))[1].shape
        n_frames = int(places[-1]) + 1
        n_behind = int((numbers >= n_frames).sum()) + len(never_read)
        n_lost = n_frames - len(frames) + n_behind
        return Survey(n_frames, fps, width, height, "salvage", n_lost, self.damage)

    def frames(self, numbers: Sequence[int]) -> Iterator[tuple[int, Frame]]:
        """See `Reader`; a lost frame is stood for by the nearest, the earlier of two."""
        places, _ = self._numbered
        wanted = np.asarray(numbers)
        after = np.searchsorted(places, wanted).clip(1, max(len(places) - 1, 1))
        before = after - 1
        after = after.clip(max=len(places) - 1)
        nearest = np.where(wanted - places[before] <= places[after] - wanted, before, after)
        left = list(zip(numbers, nearest.tolist(), strict=True))[::-1]
        upright = Upright()
        with opened(self.path, tolerant=True) as video:
            for ordinal, frame in enumerate(decoded(video, tolerant=True)):
                if ordinal == 0:
                    upright.size = frame.width, frame.height
                while left and left[-1][1] == ordinal:
                    yield left.pop()[0], upright(frame)
                if not left:
                    return


def numbers_of(times: Numbers) -> Numbers:
    """Frame numbers of increasing packet times: by the clock where the rate is steady.

    Packets that are lost altogether then leave their numbers free. Times that are no
    multiples of the usual step are numbered in order.
    """
    in_order = np.arange(len(times))
    if len(times) < 2:
        return in_order
    steps = np.diff(times) / np.median(np.diff(times))
    whole = np.rint(steps).astype(np.int64)
    numbers = np.concatenate([[0], np.cumsum(whole)])
    steady = bool((np.abs(steps - whole) <= OFF_BEAT).all() and (whole > 0).all())
    return numbers if steady and numbers[-1] < MOST_LOST * len(times) else in_order
