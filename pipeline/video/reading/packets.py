"""The index of a video: when each of its packets is shown, and where decoding can begin.

Read from the packets themselves in one pass, since the times that containers state (an
average rate, a table of cues) fail on variable rates, fragments and edit lists.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.video.reading.container import Opened
from pipeline.video.reading.parameter_sets import ParameterSets

# Where a packet is a frame, has its own time, and seeking is exact. AVI and MPEG-TS know
# no time of a frame, or not reliably; VP8 and MPEG-4 part 2 have packets that show nothing.
FORMATS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}
CODECS = {"h264", "hevc", "vp9", "av1", "mjpeg"}
REORDER = 16  # frames that a decoder can hold back at most, by H.264 and HEVC
Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Packets:
    """A video's packets in decoding order, and its frames in the order of their times.

    `pts`: times at which packets are shown, in ticks of the stream; `seek`: times that a container
    takes for a jump to a packet or before it, since some sort by decoding time. `keys`: positions
    of keyframes among the packets. `order`: for each frame, the position of its packet; frames
    that an edit list cuts away are no frames.
    """

    pts: Times
    seek: Times
    keys: Times
    order: Times

    @property
    def n_frames(self) -> int:
        """Frames that the video shows."""
        return len(self.order)

    @property
    def times(self) -> Times:
        """The time of each frame, increasing."""
        return self.pts[self.order]

    @cached_property
    def starts(self) -> Times:
        """For each frame the packet from which decoding gives it exactly, -1 where none does.

        The last keyframe before it in decoding order that is also shown before it: pictures that
        follow a keyframe but are shown before it (open groups of pictures) may refer to
        what lies ahead of the keyframe.
        """
        which = np.searchsorted(self.keys, self.order, side="right") - 1
        while True:
            late = (which >= 0) & (self.pts[self.keys[which]] > self.times)
            if not late.any():
                return np.where(which >= 0, self.keys[which], -1)
            which[late] -= 1

    @property
    def closed(self) -> bool:
        """Whether every frame can be decoded from the keyframe before it."""
        before = np.searchsorted(self.keys, self.order, side="right") - 1
        return bool((self.starts == self.keys[before]).all())


def read(video: Opened) -> Packets | None:
    """The packets of an opened video; None where they do not tell its frames for certain.

    Then only decoding everything in order does.
    """
    codec = video.codec.codec.canonical_name
    if video.container.format.name not in FORMATS or codec not in CODECS:
        return None
    sets = ParameterSets(video.codec)
    rows: list[tuple[int, int, bool, bool]] = []
    for packet in video.container.demux(video.stream):
        if packet.pts is None and packet.size == 0:
            break  # the demuxer's last: no packet of the file
        if not _plain(packet) or (packet.is_keyframe and sets.change(bytes(packet))):
            return None
        seek = packet.pts if packet.dts is None else min(packet.pts, packet.dts)
        rows.append((packet.pts, seek, packet.is_keyframe, packet.is_discard))
    return _checked(rows)


def _plain(packet: Any) -> bool:
    return (
        packet.pts is not None
        and packet.size > 0
        and not packet.is_corrupt
        and not packet.has_sidedata("new_extradata")
        and not packet.has_sidedata("param_change")
    )


def _checked(rows: list[tuple[int, int, bool, bool]]) -> Packets | None:
    """`Packets` when times are distinct, and the first frame can be decoded from the first key."""
    if not rows:
        return None
    pts, seek, key, cut = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    shown = np.flatnonzero(cut == 0)
    order = shown[np.argsort(pts[shown], kind="stable")]
    if not (len(order) and key[0] and len(np.unique(pts)) == len(pts)):
        return None
    # A time far from its packet's place is damage; it would shift the numbers of all between.
    if np.abs(order - shown).max() > REORDER or pts[order[0]] < pts[0]:
        return None
    return Packets(pts, seek, np.flatnonzero(key), order)
