"""From decoded frames to pictures."""

from typing import Any

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

Frame = npt.NDArray[np.uint8]  # (height, width, 3), RGB


class Upright:
    """Turns decoded frames into RGB arrays of one size, as ffmpeg's command line does.

    Frames stand as the file's display matrix says; those of another size than the first (a
    stream may change its size midway) are scaled to it.
    """

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        self.size = size  # width and height as coded

    def __call__(self, frame: Any) -> Frame:
        """The frame as (height, width, 3) uint8 RGB."""
        if self.size is None:
            self.size = frame.width, frame.height
        if (frame.width, frame.height) == self.size:
            pixels = frame.to_ndarray(format="rgb24", threads=1)
        else:
            width, height = self.size
            pixels = frame.to_ndarray(
                format="rgb24", width=width, height=height, interpolation="BICUBIC", threads=1
            )
        quarters = quarter_turns(frame.rotation)
        return np.ascontiguousarray(np.rot90(pixels, quarters)) if quarters else pixels


def quarter_turns(degrees: int) -> int:
    """Quarter turns counterclockwise; none for angles that are no quarter turns (within 1°)."""
    quarters = round(degrees / 90)
    return quarters if abs(degrees - 90 * quarters) <= 1 else 0


def shrink(frame: Frame, max_short_side: int) -> Frame:
    """The frame with its shorter side at most `max_short_side` pixels."""
    height, width, _ = frame.shape
    scale = max_short_side / min(height, width)
    if scale >= 1:
        return frame
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC))


def to_jpeg(frame: Frame, max_short_side: int, quality: int) -> bytes:
    """One RGB frame (height, width, 3) as JPEG bytes, shrunk as `shrink` does."""
    picture = np.ascontiguousarray(shrink(frame, max_short_side))
    return bytes(simplejpeg.encode_jpeg(picture, quality=quality, colorsubsampling="420"))
