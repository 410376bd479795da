"""Frames of a video, by number. The only module that imports decord.

Call it in a worker process (`pipeline.engine`): decord can hang or crash on damaged files.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import decord
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

from pipeline import tables
from pipeline.config import Decode
from pipeline.digests import installed, sha256_of
from pipeline.video import snippets

VERSION = 1  # raise when the frames or their JPEGs change for the same settings

decord.logging.set_level(decord.logging.QUIET)  # reasons go to tables, not to the terminal

# "[12:34:56] /build/path/file.cc:292: ", which decord puts before every reason
_SOURCE_PLACE = re.compile(r"\[\d\d:\d\d:\d\d\] \S+:\d+: ")

Frames = npt.NDArray[np.uint8]


def identity(settings: Decode) -> dict[str, Any]:
    """All that decides the sampled frames of a video, for a piece's key."""
    return {**settings.model_dump(), "libraries": installed("decord", "pillow")}


class DecodeError(Exception):
    """A video cannot be opened or a frame of it cannot be decoded; the message is decord's."""


@contextmanager
def _reasons() -> Iterator[None]:
    """Turn decord's errors into `DecodeError`: one line, without times and places of its build."""
    try:
        yield
    except (decord.DECORDError, RuntimeError) as error:
        first = _SOURCE_PLACE.sub("", str(error).strip().splitlines()[0])
        raise DecodeError(f"damaged, cut short or no video (decord: {first})") from None


@dataclass(frozen=True)
class Recording:
    """An opened video: what decord can yield of it."""

    reader: Any
    n_frames: int
    fps: float

    def frames(self, index: list[int]) -> Frames:
        """RGB frames (len(index), height, width, 3) at native size; numbers may repeat."""
        with _reasons():
            return np.asarray(self.reader.get_batch(index).asnumpy(), dtype=np.uint8)


def open_video(path: Path) -> Recording:
    """Open a video with one decoding thread (one process a core is faster than codec threads).

    Raises `DecodeError` for what cannot be opened and for a video without frames or rate.
    """
    if path.stat().st_size == 0:
        raise DecodeError("the file is empty")
    with _reasons():
        reader = decord.VideoReader(str(path), num_threads=1)
        n_frames, fps = len(reader), float(reader.get_avg_fps())
    if n_frames < 1:
        raise DecodeError("the file holds no video frame")
    if not fps > 0:
        raise DecodeError(f"the file states {fps} frames a second")
    return Recording(reader, n_frames, fps)


def shrink(frame: Frames, max_short_side: int) -> Image.Image:
    """The frame as a picture whose shorter side is at most `max_short_side` pixels."""
    picture = Image.fromarray(frame)
    scale = max_short_side / min(picture.size)
    if scale >= 1:
        return picture
    size = (round(picture.width * scale), round(picture.height * scale))
    return picture.resize(size, Image.Resampling.BICUBIC)


def to_jpeg(frame: Frames, settings: Decode) -> bytes:
    """One RGB frame (height, width, 3) as JPEG bytes."""
    buffer = io.BytesIO()
    picture = shrink(frame, settings.max_short_side)
    picture.save(buffer, format="JPEG", quality=settings.jpeg_quality)
    return buffer.getvalue()


@dataclass(frozen=True)
class Request:
    """A video to sample, and what the manifest says of it."""

    path: Path
    sha256: str
    n_frames: int


class Sampler:
    """From a video to its sampled frames."""

    def __init__(self, settings: Decode) -> None:
        self.settings = settings

    def __call__(self, video: Request) -> pa.Table:
        """A table of schema `tables.FRAMES`, a row a snippet.

        Raises `DecodeError` when a frame cannot be decoded, or the file is not the one that the
        manifest describes.
        """
        if sha256_of(video.path) != video.sha256:
            raise DecodeError("the file has changed since the manifest; `dvc repro -f manifest`")
        recording = open_video(video.path)
        if recording.n_frames != video.n_frames:
            raise DecodeError(
                f"the manifest counts {video.n_frames} frames, "
                f"the file now yields {recording.n_frames}"
            )
        settings = self.settings
        parts = snippets.plan(video.n_frames, settings.snippets, settings.frames_per_snippet)
        rows = [
            {
                "snippet": number,
                "start": start,
                "end": end,
                "frame_index": index,
                "image": self._jpegs(recording, index),
            }
            for number, (start, end, index) in enumerate(parts)
        ]
        return pa.Table.from_pylist(rows, schema=tables.FRAMES)

    def _jpegs(self, recording: Recording, index: list[int]) -> list[bytes]:
        """The frames of that index as JPEG; a frame that repeats is decoded once."""
        distinct = sorted(set(index))
        frames = recording.frames(distinct)
        jpegs = {
            number: to_jpeg(frame, self.settings)
            for number, frame in zip(distinct, frames, strict=True)
        }
        return [jpegs[number] for number in index]
