"""Whether an H.264 or HEVC stream changes its parameter sets (size, profile) on the way.

Decoding from a keyframe is exact only where what an earlier keyframe announced still holds.
"""

from collections.abc import Iterator
from typing import Any

H264_SETS = {7, 8}  # sequence and picture parameter sets
HEVC_SETS = {32, 33, 34}  # video, sequence and picture parameter sets


class ParameterSets:
    """Compares the keyframes of a stream with length-prefixed units (mp4, Matroska)."""

    def __init__(self, codec: Any) -> None:
        self.hevc = codec.codec.canonical_name == "hevc"
        self.watched = codec.codec.canonical_name in ("h264", "hevc")
        extra = bytes(codec.extradata or b"")
        self.prefix = _length_size(extra, self.hevc)
        self.first: set[tuple[int, bytes]] | None = None

    def change(self, keyframe: bytes) -> bool:
        """Whether the keyframe brings other parameter sets than the first one did.

        Also true where the units cannot be told apart.
        """
        if not self.watched:
            return False
        if self.prefix is None:
            return True
        found = set(_sets(keyframe, self.prefix, self.hevc))
        if self.first is None:
            self.first = found
        return found != self.first


def _length_size(extra: bytes, hevc: bool) -> int | None:
    """Bytes of the length before each unit, from the decoder configuration record."""
    if not extra or extra[0] != 1:  # start codes in place of lengths
        return None
    place = 21 if hevc else 4
    return (extra[place] & 3) + 1 if len(extra) > place else None


def _sets(packet: bytes, prefix: int, hevc: bool) -> Iterator[tuple[int, bytes]]:
    """(type, bytes) of each parameter set in a packet."""
    position = 0
    while position + prefix < len(packet):
        length = int.from_bytes(packet[position : position + prefix], "big")
        begin = position + prefix
        kind = (packet[begin] >> 1) & 63 if hevc else packet[begin] & 31
        if kind in (HEVC_SETS if hevc else H264_SETS):
            yield kind, packet[begin : begin + length]
        position = begin + length
