"""Frames pieces of known pictures, written without decoding a video."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

from pipeline import tables

Picture = npt.NDArray[np.uint8]


def noise(seed: int, size: tuple[int, int] = (80, 60)) -> Picture:
    """Smooth colours, another picture for each seed, of (width, height)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))


def jpeg(picture: Picture) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=90)
    return out.getvalue()


def write_frames(
    path: Path, numbers: Sequence[Sequence[int]], images: dict[int, bytes] | None = None
) -> Path:
    """The piece of a video whose snippets have those frames; `images` where not `noise(number)`."""
    encoded = {n: jpeg(noise(n)) for own in numbers for n in own} | (images or {})
    columns = {
        "snippet": range(len(numbers)),
        "start": [own[0] for own in numbers],
        "end": [own[-1] + 1 for own in numbers],
        "frame_index": [list(own) for own in numbers],
        "image": [[encoded[n] for n in own] for own in numbers],
    }
    table = pa.table([list(c) for c in columns.values()], schema=tables.FRAMES)
    tables.write(table, path, tables.FRAMES, {"key": path.stem})
    return path


def features_of(table: object) -> npt.NDArray[np.float32]:
    """Features (T, D) of a piece; raises the error in its place."""
    if isinstance(table, Exception):
        raise table
    return np.stack(table["feature"].to_numpy())  # type: ignore[index]
