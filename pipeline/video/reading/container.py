"""A video file opened with PyAV: which formats, which stream, how strict, how large.

Every other module of this package that reads with PyAV opens its file here.
"""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import av

from pipeline.video.reading.complaints import Complaints, heard, reason
from pipeline.video.reading.errors import DecodeError

MAX_PIXELS = 2**26  # 67 million, twice an 8K frame: more is damage or an attack
DEFAULT_BONUS = 5_000_000  # pixels; of ffmpeg's choice between streams
# Containers that hold their video themselves; none (a playlist, say) that names other files.
FORMATS = (
    "mov,matroska,avi,mpegts,mpeg,flv,live_flv,asf,ogg,h264,hevc,av1,obu,ivf,m4v,mpegvideo,"
    "mjpeg,mxf,nut,rm,dv,gif,swf,wtv,vc1,h261,h263,amv,bink,smk,dhav,rawvideo,yuv4mpegpipe"
)


@dataclass(frozen=True)
class Opened:
    """An open container and its video stream, single-threaded: one process a core is faster."""

    container: Any
    stream: Any
    complaints: Complaints

    @property
    def codec(self) -> Any:
        """The decoder's context."""
        return self.stream.codec_context


class Shown(NamedTuple):
    """A packet that shows a frame: its time in ticks of the stream, its place in the file."""

    pts: int | None
    pos: int | None


@contextmanager
def opened(path: Path, *, tolerant: bool = False) -> Iterator[Opened]:
    """Open the video stream that ffmpeg's command line would take.

    Unless `tolerant`, the decoder reports damage as an error where it would otherwise conceal it,
    and what libav complains of without an error (a hole in a Matroska file, say) raises
    `DecodeError` at the end of the block. That is raised too for what is no video; what the block
    raises passes as it is.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise DecodeError("this is no regular file")
    if path.stat().st_size == 0:
        raise DecodeError("the file is empty")
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    with heard() as complaints:
        try:
            container = av.open(str(path), options=options, metadata_errors="replace")
        except (av.FFmpegError, OSError, UnicodeError) as error:
            raise DecodeError(f"damaged, cut short or no video ({reason(error)})") from None
        with container:
            yield Opened(container, _stream(container, tolerant), complaints)
    if not tolerant and (complaint := complaints.first()):
        raise DecodeError(f"damaged: {complaint} (decode.salvage uses what decodes)")


def _stream(container: Any, tolerant: bool) -> Any:
    """The video stream to read, its decoder set up."""
    if not container.streams.video:
        raise DecodeError("the file holds no video stream")
    stream = max(container.streams.video, key=_rank)
    codec = stream.codec_context
    if codec is None:
        raise DecodeError("the video's codec is unknown")
    if codec.width * codec.height > MAX_PIXELS:
        raise DecodeError(
            f"the file states frames of {codec.width}x{codec.height} pixels; "
            f"more than {MAX_PIXELS // 10**6} million are not decoded"
        )
    codec.thread_count = 1
    strict = {} if tolerant else {"err_detect": "explode"}
    codec.options = {"max_pixels": str(MAX_PIXELS), **strict}
    return stream


def _rank(stream: Any) -> tuple[bool, int]:
    """The larger picture is taken, a default stream with a start; cover art only at need."""
    marks = type(stream.disposition)
    bonus = DEFAULT_BONUS if stream.disposition & marks.default else 0
    cover = bool(stream.disposition & marks.attached_pic)
    codec = stream.codec_context  # None where libav does not know the codec
    return not cover, (codec.width * codec.height if codec else 0) + bonus


def decoded(
    video: Opened, *, tolerant: bool = False, shown: list[Shown] | None = None
) -> Iterator[Any]:
    """Every frame in order.

    Packets that show a frame are added to `shown`. Raises libav's errors;
    `tolerant` passes over packets that do not decode and ends where the file cannot be read on.
    """
    source = video.container.demux(video.stream)
    while True:
        try:
            packet = next(source, None)
        except (av.FFmpegError, IndexError):  # PyAV's, for a stream that begins midway
            if not tolerant:
                raise
            packet = None
        if packet is not None and not packet.size:
            continue  # to the decoder an empty packet is the end
        if packet is not None and shown is not None and not packet.is_discard:
            shown.append(Shown(packet.pts, packet.pos))
        try:
            yield from video.codec.decode(packet)
        except av.FFmpegError:
            if not tolerant:
                raise
        if packet is None:
            return
