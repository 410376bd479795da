"""Frames of a video file, by number, exactly as ffmpeg gives them in order.

`survey` says what a file is and which way its frames are had; `reader` takes that way. A file
that cannot be read exactly is refused with a `DecodeError`, or salvaged on request.
"""

from pipeline.video.reading.errors import DecodeError
from pipeline.video.reading.opening import Decoder, reader, survey
from pipeline.video.reading.surveying import Reader, Survey, Way

__all__ = ["DecodeError", "Decoder", "Reader", "Survey", "Way", "reader", "survey"]
