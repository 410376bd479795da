"""What a video's frames are: all of them, decoded in order by one thread, without seeking.

The truth that every faster way is held against. It follows the ffmpeg command line where that
chooses: the stream with the largest picture, frames of another size scaled to the first one's
(bicubic), the display matrix applied, so that pictures stand upright.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import av
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

DEFAULT_STREAM_BONUS = 5_000_000  # pixels that ffmpeg's choice gives to the default stream


class Shown(NamedTuple):
    """One frame: its time stamp in the stream's time base (None where it has none), and RGB."""

    pts: int | None
    picture: Picture


def sequential(path: Path, *, tolerant: bool = False) -> list[Shown]:
    """Every frame of a video in order, upright, RGB (height, width, 3).

    Raises PyAV's errors (`av.FFmpegError`, `ValueError` for a file without video). `tolerant`
    passes over packets that give errors and stops at one that cannot be read, as the command
    line does.
    """
    with av.open(str(path), metadata_errors="replace") as container:
        stream = best_video(container)
        if stream.codec_context is None:
            raise ValueError("the video's codec is not known")
        stream.codec_context.thread_count = 1
        return list(_upright(_decoded_in_order(container, stream, tolerant)))


def best_video(container: Any) -> Any:
    """The video stream that ffmpeg takes when it is told nothing.

    That is the largest picture; the stream marked as default has a start, cover art comes last.
    """
    if not container.streams.video:
        raise ValueError("the file has no video stream")
    return max(container.streams.video, key=_rank)


def _rank(stream: Any) -> tuple[bool, int]:
    marks = type(stream.disposition)
    bonus = DEFAULT_STREAM_BONUS if stream.disposition & marks.default else 0
    cover = bool(stream.disposition & marks.attached_pic)
    context = stream.codec_context  # None for a codec that is not known
    pixels = context.width * context.height if context else 0
    return not cover, pixels + bonus


def _decoded_in_order(container: Any, stream: Any, tolerant: bool) -> Iterator[Any]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            if not tolerant:
                raise
            break
        if packet is None:
            break
        if packet.size:  # an empty packet would end the decoder's work; ffmpeg passes over it
            yield from _decoded(stream, packet, tolerant)
    yield from _decoded(stream, None, tolerant)  # what the decoder still holds back


def _decoded(stream: Any, packet: Any, tolerant: bool) -> list[Any]:
    try:
        return list(stream.codec_context.decode(packet))
    except av.FFmpegError:
        if not tolerant:
            raise
        return []


def _upright(frames: Iterator[Any]) -> Iterator[Shown]:
    size: tuple[int, int] | None = None
    for frame in frames:
        quarters = _quarters(frame.rotation)
        if size is None:
            size = _turned(frame.width, frame.height, quarters)
        width, height = _turned(*size, quarters)
        if (frame.width, frame.height) == (width, height):
            picture = frame.to_ndarray(format="rgb24")
        else:
            picture = frame.to_ndarray(
                format="rgb24", width=width, height=height, interpolation="BICUBIC"
            )
        # The matrix's angle counts against the clock, as `rot90` does.
        yield Shown(frame.pts, np.ascontiguousarray(np.rot90(picture, quarters)))


def _quarters(degrees: int) -> int:
    """Quarter turns, where the angle is within a degree of a right one, as ffmpeg asks; else none.

    A matrix of zeros has no angle: libav says -2**31. (By other angles ffmpeg turns the
    picture inside its frame; no camera writes such a matrix.)
    """
    quarters = round(degrees / 90)
    return quarters if abs(degrees - 90 * quarters) <= 1 else 0


def _turned(width: int, height: int, quarters: int) -> tuple[int, int]:
    return (height, width) if quarters % 2 else (width, height)


def placed(path: Path) -> tuple[int, dict[int, Picture]]:
    """What still decodes of a damaged file, each picture at its place in time.

    Returns how many packets show a frame, and the pictures by the place of their time among the
    packets' times (see `_by_the_clock`); pictures that come out of the order of their times take
    these places in the order in which they come. Raises `ValueError` where packets or frames have
    no times of their own.
    """
    with av.open(str(path), metadata_errors="replace") as container:
        stream = best_video(container)
        times = [packet.pts for packet in _readable(container, stream) if not packet.is_discard]
    shown = sequential(path, tolerant=True)
    if None in times or len(set(times)) < len(times):
        raise ValueError("packets without times of their own")
    rank = dict(zip(sorted(times), _by_the_clock(sorted(times)), strict=True))
    if any(frame.pts not in rank for frame in shown):
        raise ValueError("frames at times of no packet")
    places = sorted(rank[frame.pts] for frame in shown)
    if len(set(places)) < len(places):
        raise ValueError("several frames of one time")
    return len(times), {place: frame.picture for place, frame in zip(places, shown, strict=True)}


def _by_the_clock(times: list[int]) -> list[int]:
    """The number of each time: beats since the first where they come on a beat, else its rank."""
    ranks = list(range(len(times)))
    if len(times) < 2:
        return ranks
    gaps = [after - before for before, after in pairwise(times)]
    beat = median(gaps)
    numbers = [0]
    for gap in gaps:
        beats = round(gap / beat)
        if beats < 1 or abs(gap / beat - beats) > 0.25:
            return ranks
        numbers.append(numbers[-1] + beats)
    return numbers if numbers[-1] < 4 * len(times) else ranks


def _readable(container: Any, stream: Any) -> Iterator[Any]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            return
        if packet is None:
            return
        if packet.size:
            yield packet
