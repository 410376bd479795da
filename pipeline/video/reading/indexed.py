"""Chosen frames by way of the index: only the packets that they need are decoded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import av
import numpy as np

from pipeline.video.reading.container import Opened, opened
from pipeline.video.reading.errors import DecodeError
from pipeline.video.reading.in_order import Sequential
from pipeline.video.reading.packets import Packets, read
from pipeline.video.reading.pictures import Frame, Upright
from pipeline.video.reading.surveying import Survey, rate, refusing_damage, require_whole

FAR = 512  # packets from which on a jump in the file is cheaper than reading over them


class InexactError(Exception):
    """The decoder gave other frames than the index promises: decode everything in order."""


@dataclass
class Run:
    """Packets `[start, end)` to decode afresh, and the target frames among them: number by time."""

    start: int
    end: int
    targets: dict[int, int]


def runs(packets: Packets, numbers: Sequence[int]) -> list[Run]:
    """The runs that give increasing frame numbers.

    Runs that would overlap are one: decoding goes on instead of beginning anew. Raises
    `InexactError` where a frame has no keyframe to begin with.
    """
    starts = packets.starts
    lost = [number for number in numbers if starts[number] < 0]
    if lost:
        raise InexactError(f"frame {lost[0]} has no keyframe to begin with")
    found: list[Run] = []
    for start, group in groupby(numbers, key=lambda number: int(starts[number])):
        members = list(group)
        places = packets.order[members]
        targets = dict(zip(packets.pts[places].tolist(), members, strict=True))
        end = int(places.max()) + 1
        if found and start < found[-1].end:
            found[-1].targets |= targets
            found[-1].end = max(end, found[-1].end)
        else:
            found.append(Run(start, end, targets))
    return found


class Indexed:
    """Decodes only what the wanted frames need, and verifies each by its time."""

    def __init__(self, path: Path) -> None:
        """Raises `InexactError` where the file's packets do not tell its frames for certain."""
        self.path = path
        with refusing_damage(), opened(path) as video:
            packets = read(video)
            require_whole(video, path)
        if packets is None:
            raise InexactError("the packets do not tell the frames")
        self.packets = packets

    def survey(self) -> Survey:
        """Decodes what the first and the last frame are decoded with.

        There each packet must give its frame, else `InexactError` is raised, or libav's error.
        """
        packets = self.packets
        ends = np.isin(packets.starts, [packets.starts[0], packets.starts[-1]])
        height = width = 0
        with opened(self.path) as video:
            for number, frame in decoded(video, packets, np.flatnonzero(ends).tolist()):
                if number == 0:
                    height, width, _ = Upright()(frame).shape
            fps = rate(video, packets.times.tolist())
        return Survey(packets.n_frames, fps, width, height, "index")

    def frames(self, numbers: Sequence[int]) -> Iterator[tuple[int, Frame]]:
        """See `Reader`. What the index fails to give is read in order, and must agree with it."""
        left = list(numbers)[::-1]
        try:
            with opened(self.path) as video:
                upright = Upright((video.codec.width, video.codec.height))
                for number, frame in decoded(video, self.packets, numbers):
                    left.pop()
                    yield number, upright(frame)
            return
        except (InexactError, av.FFmpegError):
            pass
        for number, time, frame in Sequential(self.path).timed_frames(left[::-1]):
            if time != self.packets.times[number]:
                raise DecodeError(
                    f"frame {number} is not where the file's packets put it; try decoder: pyav"
                )
            yield number, frame


def decoded(video: Opened, packets: Packets, numbers: Sequence[int]) -> Iterator[tuple[int, Any]]:
    """(number, decoded frame) of each of the increasing `numbers`.

    Verified by time: a frame carries the time that the index gives its number. Raises
    `InexactError` when one does not come, and libav's errors for damage.
    """
    feed = _Feed(video, packets)
    for run in runs(packets, numbers):
        yield from feed.decode(run)


class _Feed:
    """Hands packets to the decoder, jumping over those that no target needs."""

    def __init__(self, video: Opened, packets: Packets) -> None:
        self.video, self.packets = video, packets
        self.place_of = {time: place for place, time in enumerate(packets.pts.tolist())}
        self.source = video.container.demux(video.stream)
        self.next = 0  # the packet that the source gives next
        # Whether the decoder knows frames that no other refers to, and can leave them out.
        self.drops = video.codec.codec.canonical_name == "h264"

    def decode(self, run: Run) -> Iterator[tuple[int, Any]]:
        """The run's target frames, in the order of their times."""
        self._go_to(run.start)
        codec, pending, latest = self.video.codec, dict(run.targets), None
        for frame in self._decoded(run):
            early = latest is not None and frame.pts is not None and frame.pts <= latest
            if frame.is_corrupt or frame.pts is None or early:
                raise InexactError(f"an unexpected frame at time {frame.pts}")
            self._require_silence()
            latest = frame.pts
            if latest in pending:
                yield pending.pop(latest), frame
        if pending:
            raise InexactError(f"frame {min(pending.values())} did not come")
        self._require_silence()
        codec.flush_buffers()

    def _require_silence(self) -> None:
        """What libav complains of may be the jump's fault, and no damage: in order will tell."""
        if complaint := self.video.complaints.first():
            raise InexactError(complaint)

    def _decoded(self, run: Run) -> Iterator[Any]:
        codec, first = self.video.codec, self.packets.pts[run.start]
        for _ in range(run.start, run.end):
            packet = self._packet()
            if packet.pts < first:  # refers to what lies ahead of the keyframe, as no target does
                continue
            if self.drops:
                codec.skip_frame = "DEFAULT" if packet.pts in run.targets else "NONREF"
            yield from codec.decode(packet)
        yield from codec.decode(None)

    def _packet(self) -> Any:
        """The next packet, which must be the one that the index knows at its place."""
        packet, place = next(self.source), self.next
        if packet.pts != self.packets.pts[place]:
            raise InexactError(f"another packet than the index's stands at place {place}")
        self.next += 1
        return packet

    def _go_to(self, place: int) -> None:
        """Make `place` the next packet."""
        if not 0 <= place - self.next < FAR:
            time = int(self.packets.seek[place])
            self.video.container.seek(time, stream=self.video.stream)
            self.source = self.video.container.demux(self.video.stream)
            landed = next(self.source)
            self.next = self.place_of.get(landed.pts, place + 1)
            if self.next > place:
                raise InexactError(f"a jump to packet {place} led past it")
            if self.next == place:
                self.source = _again(landed, self.source)
                return
            self.next += 1
        while self.next < place:
            self._packet()


def _again(packet: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield packet
    yield from rest
