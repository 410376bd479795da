"""Every frame of a video in order: exact wherever the file can be read at all, and slow."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.video.reading.container import decoded, opened
from pipeline.video.reading.errors import DecodeError
from pipeline.video.reading.pictures import Frame, Upright
from pipeline.video.reading.surveying import Survey, rate, refusing_damage, require_whole


class Sequential:
    """Reads all that lies before a wanted frame; damage anywhere on the way is an error."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def survey(self) -> Survey:
        """Decodes the whole video."""
        times: list[int | None] = []
        with refusing_damage(), opened(self.path) as video:
            upright = Upright()
            for frame in decoded(video):
                if not times:
                    height, width, _ = upright(frame).shape
                times.append(frame.pts)
            require_whole(video, self.path)
            if not times:
                raise DecodeError("the file holds no video frame")
            return Survey(len(times), rate(video, times), width, height, "order")

    def frames(self, numbers: Sequence[int]) -> Iterator[tuple[int, Frame]]:
        """See `Reader`; nothing after the last of `numbers` is decoded."""
        for number, _, frame in self.timed_frames(numbers):
            yield number, frame

    def timed_frames(self, numbers: Sequence[int]) -> Iterator[tuple[int, int | None, Frame]]:
        """(number, time in ticks, frame) of each of `numbers`."""
        left = list(numbers)[::-1]
        with refusing_damage(), opened(self.path) as video:
            upright = Upright()
            for number, frame in enumerate(decoded(video)):
                if number == 0:
                    upright.size = frame.width, frame.height
                if left and number == left[-1]:
                    yield left.pop(), frame.pts, upright(frame)
                if not left:
                    return
        raise DecodeError(f"the video ends before frame {left[-1]}")
