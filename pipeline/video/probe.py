"""What a video file is: length, rate, size."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from pipeline import tables
from pipeline.video.decode import open_video

VERSION = 1  # raise when a probe's row changes for the same file


def probe(path: Path) -> pa.Table:
    """One row of schema `tables.PROBE`.

    Decodes the first and the last frame, since a truncated file still states its full
    length. Raises `DecodeError` when either cannot be had.
    """
    recording = open_video(path)
    first = recording.frames([0])[0]
    recording.frames([recording.n_frames - 1])
    row = {
        "n_frames": recording.n_frames,
        "fps": recording.fps,
        "width": first.shape[1],
        "height": first.shape[0],
    }
    return pa.Table.from_pylist([row], schema=tables.PROBE)


def make() -> Callable[[Path], pa.Table]:
    """What a worker calls for each video (see `pipeline.engine`)."""
    return probe
