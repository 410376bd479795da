"""Which way a video is read."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import av

from pipeline.video.reading.decord_reader import Decord
from pipeline.video.reading.errors import DecodeError
from pipeline.video.reading.in_order import Sequential
from pipeline.video.reading.indexed import Indexed, InexactError
from pipeline.video.reading.salvaged import Salvaged
from pipeline.video.reading.surveying import Reader, Survey, Way

Decoder = Literal["auto", "decord", "pyav"]
READERS: dict[Way, Callable[[Path], Reader]] = {
    "index": Indexed,
    "order": Sequential,
    "salvage": Salvaged,
    "decord": Decord,
}


def reader(path: Path, way: Way) -> Reader:
    """The reader of a file in the way that its survey found; raises `DecodeError`.

    `index`: only what is wanted is decoded; `order`: everything, in order; `salvage`: what
    decodes of a damaged file; `decord`: by that library, verified.
    """
    return READERS[way](path)


def survey(path: Path, decoder: Decoder, *, salvage: bool) -> Survey:
    """What the file is.

    With `salvage` the whole video is decoded, since damage may lie anywhere; a damaged one is
    read as far as it decodes, and its survey says what is lost. Raises `DecodeError` for
    what is not to be used.
    """
    if salvage:
        try:
            Sequential(path).survey()
        except DecodeError as error:
            return Salvaged(path, str(error)).survey()
    return _sound(path, decoder)


def _sound(path: Path, decoder: Decoder) -> Survey:
    """`auto` never takes decord: on all that decord reads exactly, the index is faster
    (`python -m benchmarks.decode`).
    """
    if decoder == "decord":
        Sequential(path).survey()  # decord conceals damage, and has no setting to make it tell
        return Decord(path).survey()
    if decoder == "auto":
        try:
            return Indexed(path).survey()
        except (InexactError, av.FFmpegError):  # damage will show itself in order as well
            pass
    return Sequential(path).survey()
