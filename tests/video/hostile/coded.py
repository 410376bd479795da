"""Sound files of ordinary codecs and containers: every one of them must be read exactly."""

import os
from fractions import Fraction
from pathlib import Path

from tests.video.hostile.case import Case, written
from tests.video.hostile.encode import TICKS, Clip, piped

ALL = range(120)
H264 = Clip()
OPEN_GOP = H264.with_options(**{"x264-params": "open-gop=1:keyint=24"})
HEVC = Clip(
    codec="libx265",
    options={
        "preset": "ultrafast",
        "crf": "24",
        "x265-params": "log-level=none:pools=none:frame-threads=1:keyint=24:bframes=3:"
        "open-gop=1:b-adapt=0",
    },
)
VP9 = Clip(
    codec="libvpx-vp9",
    options={"deadline": "realtime", "cpu-used": "8", "g": "24", "threads": "1"},
)
AV1 = Clip(
    codec="libsvtav1",
    options={"preset": "10", "crf": "30", "g": "24", "svtav1-params": "lp=1"},
)
ASP = Clip(codec="mpeg4", options={"g": "24", "bf": "2", "qscale": "4"})
MJPEG = Clip(codec="mjpeg", pix_fmt="yuvj420p", options={})
# Steps between 10 and 100 ms, no two alike.
UNSTEADY = Clip(
    times=[sum(900 + 37 * k * k % 8100 for k in range(n)) for n in ALL], base=Fraction(1, TICKS)
)
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


def _quiet_av1(path: Path) -> None:
    """The AV1 encoder speaks to the terminal unless its environment tells it not to."""
    before = os.environ.get("SVT_LOG")
    os.environ["SVT_LOG"] = "0"
    try:
        written(AV1)(path)
    finally:
        os.environ.pop("SVT_LOG")
        if before is not None:
            os.environ["SVT_LOG"] = before


CASES = (
    Case("plain.mp4", written(H264), "H.264 with B-frames, what most files are", ALL),
    Case("open_gop.mp4", written(OPEN_GOP), "keyframes followed by frames shown before them", ALL),
    Case(
        "hevc.mp4", written(HEVC), "HEVC: leading pictures of a CRA frame need the GOP before", ALL
    ),
    Case("vp9.webm", written(VP9), "VP9, whose hidden frames are coded but not shown", ALL),
    Case("av1.mp4", _quiet_av1, "AV1, which this decord's FFmpeg may not know", ALL),
    Case(
        "long_gop.mp4",
        written(Clip(range(300)).with_options(g="250", keyint_min="250", sc_threshold="0")),
        "250 frames between keyframes",
        range(300),
    ),
    Case(
        "single_gop.mp4",
        written(H264.with_options(g="9999", keyint_min="9999", sc_threshold="0")),
        "one keyframe: every seek lands on frame 0",
        ALL,
    ),
    Case("index.mkv", written(H264), "Matroska with cues", ALL),
    Case(
        "fragments.mp4", written(H264, container=FRAGMENTS), "fragmented, the index in pieces", ALL
    ),
    Case(
        "live.mkv",
        lambda path: piped(path, H264, format="matroska", container={"live": "1"}),
        "no cues, no duration: written to a pipe",
        ALL,
    ),
    Case("unsteady.mp4", written(UNSTEADY), "variable frame rate", ALL),
    Case("transport.ts", written(H264), "MPEG-TS: no index, time starts anywhere", ALL),
    Case(
        "b_frames.avi",
        written(H264),
        "H.264 with B-frames in AVI, whose stamps are in coding order",
        ALL,
    ),
    Case("asp.avi", written(ASP), "MPEG-4 ASP with B-frames in AVI", ALL),
    Case("motion.avi", written(MJPEG), "motion JPEG, only keyframes", ALL),
    Case("flash.flv", written(H264), "FLV", ALL),
    Case(
        "bare.h264", written(H264, format="h264"), "bare H.264: no container, no time stamps", ALL
    ),
    Case("bare.h265", written(HEVC, format="hevc"), "bare HEVC", ALL),
    Case("sound.mp4", written(H264, sound=True), "a sound track between the pictures", ALL),
)
