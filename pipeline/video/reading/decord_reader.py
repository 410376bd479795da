"""Frames by decord, where its answer can be verified. The only module that imports decord.

Call it in a worker process (`pipeline.engine`): decord can hang or crash on damaged files.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import decord
import numpy as np

from pipeline.video.reading import packets
from pipeline.video.reading.container import opened
from pipeline.video.reading.errors import DecodeError
from pipeline.video.reading.pictures import Frame
from pipeline.video.reading.surveying import Survey, rate, refusing_damage, require_whole

decord.logging.set_level(decord.logging.QUIET)  # reasons go to tables, not to the terminal

# "[12:34:56] /build/path/file.cc:292: ", which decord puts before every reason, and "[/the/video] "
_PLACES = re.compile(r"\[\d\d:\d\d:\d\d\] \S+:\d+: |\[/[^\]]*\] ?")
CHUNK = 32  # frames a call


@contextmanager
def _reasons() -> Iterator[None]:
    """Turn decord's errors into `DecodeError`: one line, without times and places of its build."""
    try:
        yield
    except (decord.DECORDError, RuntimeError) as error:
        first = _PLACES.sub("", str(error).strip().splitlines()[0])
        raise DecodeError(f"damaged, cut short or no video (decord: {first})") from None


class Decord:
    """Reads with decord the files whose packets tell every frame's time, and compares these.

    decord is silently wrong on AVI, MPEG-TS, edit lists, streams that change midway and open
    groups of pictures; such files are refused.
    """

    def __init__(self, path: Path) -> None:
        with refusing_damage(), opened(path) as video:
            index = packets.read(video)
            require_whole(video, path)
            if index is None or len(index.order) < len(index.pts) or not index.closed:
                raise DecodeError("decord gives wrong frames of such files; use decoder: auto")
            self.index = index
            self.fps = rate(video, index.times.tolist())
            self.tick = float(video.stream.time_base)
        with _reasons():
            self.reader: Any = decord.VideoReader(str(path), num_threads=1)

    def survey(self) -> Survey:
        """Decodes the first and the last frame."""
        n_frames = self.index.n_frames
        (_, first), *_ = self.frames(sorted({0, n_frames - 1}))
        return Survey(n_frames, self.fps, first.shape[1], first.shape[0], "decord")

    def frames(self, numbers: Sequence[int]) -> Iterator[tuple[int, Frame]]:
        """See `Reader`; raises `DecodeError` where decord's times are not the packets'."""
        with _reasons():
            n_found = len(self.reader)
            if n_found != self.index.n_frames:
                raise DecodeError(
                    f"decord counts {n_found} frames, the file has {self.index.n_frames}"
                )
            times = np.asarray(self.reader.get_frame_timestamp(list(range(n_found))))[:, 0]
            true = (self.index.times - self.index.times[0]) * self.tick
            if np.abs(times - times[0] - true).max() > 1e-3:
                raise DecodeError("decord's frame times are not the file's; use decoder: auto")
            for start in range(0, len(numbers), CHUNK):
                chunk = list(numbers[start : start + CHUNK])
                batch = np.asarray(self.reader.get_batch(chunk).asnumpy(), dtype=np.uint8)
                yield from zip(chunk, batch, strict=True)
