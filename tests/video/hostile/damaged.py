"""Files that were sound once: cut short, beheaded, zeroed, overwritten, flipped.

The coded frames of the H.264 files lie in groups of 24. Frames 48 to 71 are the third group; in
coding order 52 to 59 are frames 52 to 59 but for the order within a triple.
"""

from collections.abc import Iterable

from tests.video.hostile.case import Case, Salvaged, written
from tests.video.hostile.coded import ASP, FRAGMENTS, H264, HEVC, MJPEG, VP9
from tests.video.hostile.damage import behead, cut_in, damaged, flip, overwrite

FRONT = {"movflags": "+faststart"}  # the index before the media, so that a cut file still opens
MP4 = written(H264, container=FRONT)
OTHER = written(H264)
BARE = written(H264, format="h264")
MIDDLE = range(52, 60)


def true(numbers: Iterable[int]) -> dict[int, int]:
    """These frames show their own numbers."""
    return {number: number for number in numbers}


HEADLESS = 17  # whole coded frames before the first keyframe of a beheaded file
HEAD_LOST = {0: 48, 1: 49, 71: 119}  # without times, what decodes is numbered from 0
AROUND = true([*range(52), *range(72, 120)])  # all but the damaged group from the damage on

CUT = (
    Case(
        "cut_tail.mp4",
        damaged(MP4, cut_in(61)),
        "the file ends inside the 62nd coded frame; the index counts 120",
        refused="cut short|damaged",
        salvaged=Salvaged(61, 59, true(range(61))),
    ),
    Case(
        "cut_tail_fragments.mp4",
        damaged(written(H264, container=FRAGMENTS), cut_in(61)),
        "a fragmented file ends inside a fragment",
        refused="cut short|damaged",
        salvaged=Salvaged(61, 11, true(range(61))),
    ),
    Case(
        "cut_tail.mkv",
        damaged(OTHER, cut_in(61)),
        "the file ends inside a block",
        refused="cut short|damaged",
        salvaged=Salvaged(61, 0, true(range(61))),
    ),
    Case(
        "cut_tail.avi",
        damaged(OTHER, cut_in(61)),
        "the index at the end is lost with the tail; the last frame is half",
        refused="cut short|damaged",
        salvaged=Salvaged(62, 0, true(range(61))),
    ),
    Case(
        "cut_tail.flv",
        damaged(OTHER, cut_in(61)),
        "the last frame is half",
        refused="cut short|damaged",
        salvaged=Salvaged(61, 1, true(range(61))),
    ),
    Case(
        "cut_tail.ts",
        damaged(OTHER, cut_in(61)),
        "a cut transport stream is a shorter one: nothing states how long it was",
        range(61),
    ),
    Case(
        "no_index.mp4",
        damaged(OTHER, cut_in(100)),
        "the index at the end is lost with the tail: nothing can be read",
        refused="no video",
    ),
    Case(
        "cut_head.mp4",
        damaged(OTHER, behead(30)),
        "what is left begins inside a frame, and the index points elsewhere",
        refused="no video",
    ),
    Case(
        "cut_head.mkv",
        damaged(OTHER, behead(30)),
        "the codec's set-up is lost with the head",
        refused="no video",
    ),
    Case(
        "cut_head.avi",
        damaged(OTHER, behead(30)),
        "the header is lost: ffmpeg finds bare H.264 in it, without times",
        refused="damaged",
        salvaged=Salvaged(72, HEADLESS, HEAD_LOST),
    ),
    Case(
        "cut_head.ts",
        damaged(OTHER, behead(30)),
        "a stream joined late: 16 frames have a time but nothing to refer to, one is lost",
        refused="damaged",
        salvaged=Salvaged(89, 17, {0: 48, 16: 48} | {k - 31: k for k in range(48, 120)}),
    ),
    Case(
        "cut_head.h264",
        damaged(BARE, behead(30)),
        "bare H.264, joined late",
        refused="damaged",
        salvaged=Salvaged(72, HEADLESS, HEAD_LOST),
    ),
)
BROKEN = (
    Case(
        "zeroed.mp4",
        damaged(MP4, overwrite(MIDDLE, 0)),
        "eight coded frames are zeros, as on a bad disk block",
        refused="damaged",
        salvaged=Salvaged(120, 8, AROUND),
    ),
    Case(
        "zeroed_start.mp4",
        damaged(MP4, overwrite(range(10), 0)),
        "the first ten coded frames are zeros: nothing decodes before the next keyframe",
        refused="damaged",
        salvaged=Salvaged(120, 24, dict.fromkeys(range(24), 24) | true(range(24, 120))),
    ),
    Case(
        "zeroed_end.mp4",
        damaged(MP4, overwrite(range(100, 120), 0)),
        "the last twenty coded frames are zeros",
        refused="damaged",
        salvaged=Salvaged(100, 20, true(range(97))),
    ),
    Case(
        "zeroed_key.mp4",
        damaged(MP4, overwrite(range(48, 49), 0)),
        "one keyframe is zeros",
        refused="damaged",
        salvaged=Salvaged(120, 1, true([*range(48), *range(72, 120)])),
    ),
    Case(
        "lengths.mp4",
        damaged(MP4, overwrite(MIDDLE, 255)),
        "impossible lengths of units",
        refused="damaged",
        salvaged=Salvaged(120, 8, AROUND),
    ),
    Case(
        "payload.mp4",
        damaged(MP4, overwrite(MIDDLE, 0, spare=12)),
        "the content of eight coded frames is zeros, their heads are sound: ffmpeg conceals it",
        refused="damaged",
        salvaged=Salvaged(120, 0, AROUND),
    ),
    Case(
        "flipped.mp4",
        damaged(MP4, flip(MIDDLE, 20)),
        "twenty bits flipped in each of eight coded frames",
        refused="damaged",
        salvaged=Salvaged(120, 0, AROUND),
    ),
    Case(
        "flipped_key.mp4",
        damaged(MP4, flip(range(48, 49), 20)),
        "twenty bits flipped in a keyframe",
        refused="damaged",
        salvaged=Salvaged(120, 0, true([*range(48), *range(72, 120)])),
    ),
    Case(
        "zeroed_hevc.mp4",
        damaged(written(HEVC, container=FRONT), overwrite(MIDDLE, 0)),
        "eight coded frames of HEVC are zeros",
        refused="damaged",
        salvaged=Salvaged(120, 20, true([*range(48), *range(72, 120)])),
    ),
    Case(
        "flipped_hevc.mp4",
        damaged(written(HEVC, container=FRONT), flip(MIDDLE, 20)),
        "flipped bits in HEVC that no decoder notices: read as ffmpeg shows it, wrong as it is",
        [None if 48 <= number < 72 else number for number in range(120)],
    ),
    Case(
        "zeroed.webm",
        damaged(written(VP9), overwrite(MIDDLE, 0, spare=4)),
        "eight coded frames of VP9 are zeros",
        refused="damaged",
        salvaged=Salvaged(120, 8, AROUND),
    ),
    Case(
        "zeroed.mkv",
        damaged(OTHER, overwrite(MIDDLE, 0)),
        "zeros over eight blocks of Matroska, their sizes too",
        refused="damaged",
        salvaged=Salvaged(120, 20, AROUND),
    ),
    Case(
        "zeroed.ts",
        damaged(OTHER, overwrite(MIDDLE, 0)),
        "zeros over eight coded frames of a transport stream",
        refused="damaged",
        salvaged=Salvaged(120, 8, AROUND),
    ),
    Case(
        "zeroed.avi",
        damaged(OTHER, overwrite(MIDDLE, 0)),
        "zeros over eight coded frames of an AVI, whose stamps are no times",
        refused="damaged",
        salvaged=Salvaged(120, 8, AROUND),
    ),
    Case(
        "zeroed.h264",
        damaged(BARE, overwrite(MIDDLE, 0)),
        "zeros in bare H.264: what is left is a shorter stream",
        refused="damaged",
        salvaged=Salvaged(112, 0, true(range(50))),
    ),
    Case(
        "flipped_asp.avi",
        damaged(written(ASP), flip(MIDDLE, 8)),
        "flipped bits in MPEG-4 ASP",
        refused="damaged",
        salvaged=Salvaged(120, 0, AROUND),
    ),
    Case(
        "flipped_motion.avi",
        damaged(written(MJPEG), flip(MIDDLE, 8)),
        "flipped bits in motion JPEG, every frame for itself",
        refused="damaged",
        salvaged=Salvaged(120, 7, true([*range(52), *range(60, 120)])),
    ),
)
CASES = (*CUT, *BROKEN)
