"""The frames of a video that are kept: sampled, as JPEG.

Call it in a worker process (`pipeline.engine`): decoders can hang or crash on damaged files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import tables
from pipeline.config import Decode
from pipeline.digests import installed, sha256_of
from pipeline.video import snippets
from pipeline.video.reading import DecodeError, Way, reader
from pipeline.video.reading.pictures import to_jpeg

VERSION = 2  # raise when the frames or their JPEGs change for the same settings

__all__ = ["VERSION", "DecodeError", "Request", "Sampler", "identity", "source"]


def identity(settings: Decode) -> dict[str, Any]:
    """All that decides the sampled frames of a video but whether it is salvaged."""
    packages = ["av", "pillow", "simplejpeg", *(["decord"] if settings.decoder == "decord" else [])]
    return {**settings.model_dump(exclude={"salvage"}), "libraries": installed(*packages)}


@dataclass(frozen=True)
class Request:
    """A video to sample, and what the manifest says of it."""

    path: Path
    sha256: str
    n_frames: int
    way: Way


def source(row: Mapping[str, Any]) -> tuple[str, Request]:
    """What identifies the video of a manifest row, for a piece's key, and the video to sample."""
    request = Request(Path(row["path"]), row["sha256"], row["n_frames"], row["way"])
    salvaged = " salvaged" if request.way == "salvage" else ""
    return f"{row['sha256']} {request.n_frames} frames{salvaged}", request


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
            raise DecodeError(
                "the file has changed since the manifest; run `python -m stages.manifest DATASET "
                "--rehash`, then `dvc repro` again"
            )
        settings = self.settings
        parts = snippets.plan(video.n_frames, settings.snippets, settings.frames_per_snippet)
        distinct = sorted({number for _, _, index in parts for number in index})
        jpegs = {
            number: to_jpeg(frame, settings.max_short_side, settings.jpeg_quality)
            for number, frame in reader(video.path, video.way).frames(distinct)
        }
        rows = [
            {
                "snippet": number,
                "start": start,
                "end": end,
                "frame_index": index,
                "image": [jpegs[frame] for frame in index],
            }
            for number, (start, end, index) in enumerate(parts)
        ]
        return pa.Table.from_pylist(rows, schema=tables.FRAMES)
