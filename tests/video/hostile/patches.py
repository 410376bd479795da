"""Changing single fields of files already written: boxes of an mp4, headers of an AVI or FLV."""

import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av

ONE = 1 << 16  # 1.0 in 16.16 fixed point


@dataclass(frozen=True)
class Box:
    """An mp4 box: where its content (after size and type) starts and ends in the file."""

    kind: bytes
    start: int
    end: int


def boxes(content: bytes | bytearray, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes that lie side by side in `content[start:end]`."""
    end = len(content) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", content, start)
        yield Box(kind, start + 8, start + size)
        start += size


def find(content: bytes | bytearray, path: str, start: int = 0, end: int | None = None) -> Box:
    """The first box at a path such as `moov/trak/tkhd`; `ValueError` when there is none."""
    first, _, rest = path.partition("/")
    for box in boxes(content, start, end):
        if box.kind == first.encode():
            return find(content, rest, box.start, box.end) if rest else box
    raise ValueError(f"no box {path}")


def cut_by_edit_list(path: Path, segments: list[tuple[float, float]]) -> None:
    """Let an mp4 show only these intervals of its media time, (start, end) in seconds.

    The list replaces the one that is there, of as many entries: an mp4 written with B-frames has
    one. More entries are made by writing over the box `udta` that follows in the same track.
    """
    content = bytearray(path.read_bytes())
    movie_scale = struct.unpack_from(">I", content, find(content, "moov/mvhd").start + 12)[0]
    scale = struct.unpack_from(">I", content, find(content, "moov/trak/mdia/mdhd").start + 12)[0]
    box = find(content, "moov/trak/edts/elst")
    offset = struct.unpack_from(">i", content, box.start + 12)[0]  # of the first frame shown
    entries = b"".join(
        struct.pack(
            ">Iihh",
            round((end - start) * movie_scale),
            offset + round(start * scale),
            1,
            0,
        )
        for start, end in segments
    )
    listed = struct.pack(">II", 0, len(segments)) + entries
    replace_box(content, ["moov", "trak", "edts", "elst"], listed)
    path.write_bytes(content)


def replace_box(content: bytearray, path: list[str], new: bytes) -> None:
    """Give a box other content and mend the sizes around it (no media may follow the index)."""
    box = find(content, "/".join(path))
    grown = len(new) - (box.end - box.start)
    for depth in range(1, len(path) + 1):
        outer = find(content, "/".join(path[:depth]))
        struct.pack_into(">I", content, outer.start - 8, outer.end - outer.start + 8 + grown)
    content[box.start : box.end] = new


def turn(path: Path, degrees: int) -> None:
    """Write a display matrix into an mp4 that turns its pictures clockwise by a right angle."""
    content = bytearray(path.read_bytes())
    cosine, sine = (round(f(math.radians(degrees))) * ONE for f in (math.cos, math.sin))
    matrix = struct.pack(">9i", cosine, sine, 0, -sine, cosine, 0, 0, 0, 1 << 30)
    place = find(content, "moov/trak/tkhd").start + 40
    content[place : place + 36] = matrix
    path.write_bytes(content)


def overstate_mp4(path: Path, times: int) -> None:
    """Multiply the frames that an mp4's table of times counts, and all its stated durations."""
    content = bytearray(path.read_bytes())
    for name, offset in (
        ("moov/mvhd", 16),
        ("moov/trak/tkhd", 20),
        ("moov/trak/mdia/mdhd", 16),
        ("moov/trak/edts/elst", 8),
        ("moov/trak/mdia/minf/stbl/stts", 8),
    ):
        place = find(content, name).start + offset
        value = struct.unpack_from(">I", content, place)[0]
        struct.pack_into(">I", content, place, value * times)
    path.write_bytes(content)


def overstate_avi(path: Path, times: int) -> None:
    """Multiply the frame counts in an AVI's two headers."""
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"avih", 24), (b"strh", 40)):
        place = content.index(mark) + offset
        value = struct.unpack_from("<I", content, place)[0]
        struct.pack_into("<I", content, place, value * times)
    path.write_bytes(content)


def overstate_flv(path: Path, times: int) -> None:
    """Multiply the duration in an FLV's metadata."""
    content = bytearray(path.read_bytes())
    place = content.index(b"duration\x00") + len(b"duration\x00")
    value = struct.unpack_from(">d", content, place)[0]
    struct.pack_into(">d", content, place, value * times)
    path.write_bytes(content)


def declare_size(path: Path, width: int, height: int) -> None:
    """State another picture size in an mp4's track header and sample description."""
    content = bytearray(path.read_bytes())
    struct.pack_into(
        ">II", content, find(content, "moov/trak/tkhd").start + 76, width * ONE, height * ONE
    )
    description = find(content, "moov/trak/mdia/minf/stbl/stsd").start + 8
    struct.pack_into(">HH", content, description + 32, width, height)
    path.write_bytes(content)


def rename_codec(path: Path, name: bytes) -> None:
    """Give the sample description of an mp4 another four letters."""
    content = bytearray(path.read_bytes())
    place = find(content, "moov/trak/mdia/minf/stbl/stsd").start + 12
    content[place : place + 4] = name
    path.write_bytes(content)


def empty_samples(path: Path, numbers: Iterable[int]) -> None:
    """State size zero for these coded frames of an mp4 (counted in decoding order)."""
    content = bytearray(path.read_bytes())
    sizes = find(content, "moov/trak/mdia/minf/stbl/stsz").start + 12
    for number in numbers:
        struct.pack_into(">I", content, sizes + 4 * number, 0)
    path.write_bytes(content)


def declare_jpeg_size(path: Path, width: int, height: int) -> None:
    """State another size in the frame header of every JPEG of a file."""
    content = bytearray(path.read_bytes())
    place = content.find(b"\xff\xc0\x00\x11\x08")
    while place >= 0:
        struct.pack_into(">HH", content, place + 5, height, width)
        place = content.find(b"\xff\xc0\x00\x11\x08", place + 5)
    path.write_bytes(content)


def coded_frames(path: Path) -> list[tuple[int, int, int | None, bool]]:
    """Position, size, time stamp and whether a keyframe, of every coded frame in file order."""
    with av.open(str(path)) as container:
        return [
            (packet.pos, packet.size, packet.pts, packet.is_keyframe)
            for packet in container.demux(video=0)
            if packet.pos is not None and packet.size
        ]
