"""Sound files of unusual shape: sizes, colours, times, streams, and headers that lie."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from tests.video.hostile import patches, sps
from tests.video.hostile.barcode import picture
from tests.video.hostile.case import Case, Maker, patched, written
from tests.video.hostile.coded import ALL, H264, MJPEG
from tests.video.hostile.encode import FPS, TICKS, Clip, frames, packets, set_up, write

LARGE = (96, 64)
INTRA = H264.with_options(bf="0", g="1")
EMPTY = range(5, 120, 10)  # the coded frames of `empty_packets.mp4` that have no content
NEGATIVE = Clip(times=[3600 * (k - 20) for k in ALL], base=Fraction(1, TICKS))
AS_THEY_ARE = {"avoid_negative_ts": "disabled"}


def _turned(degrees: int) -> Maker:
    return patched(written(Clip(size=LARGE, quarters=degrees // 90)), patches.turn, degrees)


def _size_changes(path: Path) -> None:
    """64x48 up to frame 59, then 96x64, with the new parameter sets inside the stream."""
    small, large = Clip(range(60)), Clip(range(60, 120), size=LARGE)
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as out:
        stream: Any = out.add_stream(small.codec, rate=FPS, options=dict(small.options))
        set_up(stream.codec_context, small)
        for frame in frames(small):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        for packet in packets(large):
            packet.stream, packet.time_base = stream, Fraction(1, FPS)
            packet.pts, packet.dts = packet.pts + 60, packet.dts + 60
            out.mux(packet)


def _cover_art(path: Path) -> None:
    """A picture larger than the video, as a second video stream marked as attached."""
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as out:
        art = out.add_stream("png", rate=FPS)
        art.width, art.height, art.pix_fmt = 320, 240, "rgb24"
        art.disposition = type(art.disposition).attached_pic
        stream: Any = out.add_stream(H264.codec, rate=FPS, options=dict(H264.options))
        set_up(stream.codec_context, H264)
        still = av.VideoFrame.from_ndarray(picture(500, (320, 240)), format="rgb24")
        out.mux(art.encode(still))
        for frame in frames(H264):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _times_of_mkv(path: Path, changes: dict[int, int]) -> None:
    """Set the time stamps (milliseconds) of coded frames of a Matroska file of one cluster."""
    content = bytearray(path.read_bytes())
    for number, time in changes.items():
        place = patches.coded_frames(path)[number][0] + 1  # after the track's number
        content[place : place + 2] = time.to_bytes(2, "big")
    path.write_bytes(content)


def _enormous_h264(path: Path) -> None:
    write(path, H264, format="h264")
    sps.declare_size(path, 16000, 16000)


CASES = (
    Case("one_frame.mp4", written(Clip(range(1))), "a single frame", range(1)),
    Case("few_frames.mp4", written(Clip(range(5))), "fewer frames than snippets", range(5)),
    Case(
        "odd_size.mp4",
        written(Clip(size=(63, 47), pix_fmt="yuv444p")),
        "odd width and height, colour at full resolution (4:4:4)",
        ALL,
    ),
    Case("ten_bit.mp4", written(Clip(pix_fmt="yuv420p10le")), "ten bits a sample", ALL),
    Case(
        "full_range.mp4", written(Clip(pix_fmt="yuvj420p")), "grey levels 0..255, not 16..235", ALL
    ),
    Case(
        "bt709.mp4", written(H264.with_options(colorspace="bt709")), "colours of HD television", ALL
    ),
    Case(
        "interlaced.mp4",
        written(Clip(size=(64, 64)).with_options(flags="+ildct+ilme", **{"x264-params": "tff=1"})),
        "two fields a frame",
        ALL,
    ),
    Case("turned_90.mp4", _turned(90), "filmed upright, shown turned by the display matrix", ALL),
    Case("turned_180.mp4", _turned(180), "upside down", ALL),
    Case("turned_270.mp4", _turned(270), "turned the other way", ALL),
    Case(
        "cut.mp4",
        patched(written(H264), patches.cut_by_edit_list, [(1.5, 4.8)]),
        "an edit list hides the first 1.5 s (38 frames, from the middle of a GOP)",
        range(38, 120),
    ),
    Case(
        "cut_twice.mp4",
        patched(written(H264), patches.cut_by_edit_list, [(0, 1), (2, 3)]),
        "an edit list shows the first and the third second",
        [*range(25), *range(50, 75)],
    ),
    Case(
        "before_zero.mp4", written(NEGATIVE), "20 frames before time zero: hidden", range(20, 120)
    ),
    Case(
        "before_zero.ts",
        written(NEGATIVE, container=AS_THEY_ARE),
        "the first time stamp is below zero",
        ALL,
    ),
    Case(
        "before_zero.mkv",
        written(NEGATIVE, container=AS_THEY_ARE),
        "times below zero, which Matroska cannot hold: 20 frames have no time",
        ALL,
    ),
    Case(
        "equal_times.mkv",
        patched(written(H264.with_options(bf="0")), _times_of_mkv, {50: 1960, 51: 1960}),
        "three frames of one time stamp",
        ALL,
    ),
    Case(
        "backward_times.mkv",
        patched(written(H264.with_options(bf="0")), _times_of_mkv, {60: 1200, 61: 1240}),
        "two frames are stamped a second too early",
        ALL,
    ),
    Case(
        "late_time.mkv",
        patched(written(H264.with_options(bf="0")), _times_of_mkv, {17: 1620}),
        "one frame is stamped between the 41st and the 42nd; ffmpeg shows it in its old place",
        ALL,
    ),
    Case(
        "empty_packets.mp4",
        # The second stream puts every frame of the first into a chunk of its own.
        patched(written(INTRA, INTRA.but(size=(48, 36))), patches.empty_samples, EMPTY),
        "the index counts 120 frames, 12 of them of no bytes",
        [k for k in ALL if k not in EMPTY],
    ),
    Case(
        "overstated.mp4",
        patched(written(H264), patches.overstate_mp4, 10),
        "the header counts ten times the frames that are there",
        ALL,
    ),
    Case(
        "overstated.avi",
        patched(written(MJPEG), patches.overstate_avi, 10),
        "the header counts ten times the frames that are there",
        ALL,
    ),
    Case(
        "overstated.flv",
        patched(written(H264), patches.overstate_flv, 10),
        "the header states ten times the duration",
        ALL,
    ),
    Case(
        "declared_enormous.mp4",
        patched(written(H264), patches.declare_size, 16384, 16384),
        "the container states 16384x16384, the pictures are 64x48",
        ALL,
    ),
    Case("size_change.mp4", _size_changes, "the picture grows at frame 60", ALL),
    Case("size_change.mkv", _size_changes, "the picture grows at frame 60", ALL),
    Case("size_change.ts", _size_changes, "the picture grows at frame 60", ALL),
    Case(
        "two_streams.mp4",
        written(H264, Clip(range(200, 300), size=LARGE)),
        "a second, larger video stream; the first one is marked as default",
        ALL,
    ),
    Case(
        "two_streams.ts",
        written(Clip(range(200, 300)), Clip(size=LARGE)),
        "the second video stream is the larger one, and none is marked as default",
        ALL,
    ),
    Case(
        "cover_art.mp4",
        _cover_art,
        "a still picture, larger than the video, as a second video stream",
        ALL,
    ),
    Case(
        "unknown_codec.mp4",
        patched(written(H264), patches.rename_codec, b"xxxx"),
        "the video is of a codec that nobody knows",
        refused="codec is unknown",
    ),
    Case(
        "enormous.h264",
        _enormous_h264,
        "the stream itself states 16000x16000: 768 MB a picture",
        refused="pixels",
    ),
    Case(
        "enormous.avi",
        patched(written(MJPEG.but(numbers=range(20))), patches.declare_jpeg_size, 16000, 16000),
        "every JPEG states 16000x16000",
        refused="damaged|pixels",
    ),
)
