"""The hostile files are what they claim to be, by what PyAV and decord alone make of them."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import decord as plain_decord
import numpy as np
import pytest
from av.video.frame import PictureType

from pipeline import engine
from tests.video import reference
from tests.video.hostile import BY_NAME, CASES, decord
from tests.video.hostile.barcode import HIGHEST, number_of, picture
from tests.video.reading import runtime

SOUND = [case for case in CASES if case.shows]


def packets(path: Path) -> list[Any]:
    with av.open(str(path)) as container:
        return [packet for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("size", [(64, 48), (63, 47), (96, 64), (320, 240)])
def test_every_picture_shows_its_number_and_which_way_is_up(size: tuple[int, int]) -> None:
    for number in (0, 1, 217, 256, HIGHEST):
        shown = picture(number, size)
        assert number_of(shown) == number
        for quarters in (1, 2, 3):
            assert number_of(np.ascontiguousarray(np.rot90(shown, quarters))) is None
        torn = shown.copy()
        torn[: size[1] // 2] = picture(number ^ 3, size)[: size[1] // 2]
        assert number_of(torn) != number


def test_a_number_too_high_for_nine_bits_is_an_error() -> None:
    with pytest.raises(ValueError, match="frame number 512 is not in"):
        picture(HIGHEST + 1)


def test_there_are_many_cases_and_each_has_its_own_name() -> None:
    assert len(CASES) == len(BY_NAME) >= 80
    assert set(BY_NAME) >= decord.READS | decord.WRONG | decord.CONCEALS


@pytest.mark.parametrize("case", SOUND, ids=lambda case: case.name)
def test_a_sequential_decode_gives_the_stated_numbers(corpus: Path, case: Any) -> None:
    shown = [number_of(frame.picture) for frame in reference.sequential(corpus / case.name)]
    assert len(shown) == len(case.shows)
    for found, stated in zip(shown, case.shows, strict=True):
        assert stated in (None, found)


@pytest.mark.parametrize("name", ["plain.mp4", "hevc.mp4", "transport.ts", "index.mkv"])
def test_b_frames_are_coded_out_of_order(corpus: Path, name: str) -> None:
    times = [packet.pts for packet in packets(corpus / name)]
    assert times != sorted(times)


@pytest.mark.parametrize("name", ["b_frames.avi", "asp.avi"])
def test_avi_stamps_b_frames_in_coding_order(corpus: Path, name: str) -> None:
    with av.open(str(corpus / name)) as container:
        kinds = {frame.pict_type for frame in container.decode(video=0)}
    assert PictureType.B in kinds
    stamps = [packet.dts for packet in packets(corpus / name)]
    assert stamps == sorted(stamps)


@pytest.mark.parametrize("name", ["open_gop.mp4", "hevc.mp4"])
def test_open_groups_have_frames_after_a_keyframe_that_are_shown_before_it(
    corpus: Path, name: str
) -> None:
    coded = packets(corpus / name)
    keys = [place for place, packet in enumerate(coded) if packet.is_keyframe]
    leads = [coded[place + 1].pts < coded[place].pts for place in keys[1:]]
    assert sum(leads) >= 3
    closed = packets(corpus / "plain.mp4")
    later = (pair for pair in pairwise(closed) if pair[0].is_keyframe)
    assert all(after.pts > key.pts for key, after in later)


def test_groups_of_pictures_are_as_long_as_the_names_say(corpus: Path) -> None:
    keys = {
        name: [k for k, packet in enumerate(packets(corpus / name)) if packet.is_keyframe]
        for name in ("plain.mp4", "long_gop.mp4", "single_gop.mp4", "motion.avi")
    }
    assert keys["plain.mp4"] == [0, 24, 48, 72, 96]
    assert keys["long_gop.mp4"] == [0, 250]
    assert keys["single_gop.mp4"] == [0]
    assert len(keys["motion.avi"]) == 120


def test_headers_say_what_the_names_claim(corpus: Path) -> None:
    with av.open(str(corpus / "overstated.mp4")) as container:
        assert container.streams.video[0].frames == 1200
    with av.open(str(corpus / "overstated.avi")) as container:
        assert container.streams.video[0].duration == 1200
    with av.open(str(corpus / "overstated.flv")) as container:
        assert (container.duration or 0) > 40_000_000  # microseconds, of 4.8 seconds
    with av.open(str(corpus / "live.mkv")) as container:
        assert container.duration is None
    with av.open(str(corpus / "empty_packets.mp4")) as container:
        assert container.streams.video[0].frames == 120
    with av.open(str(corpus / "enormous.h264")) as container:
        assert container.streams.video[0].codec_context.width == 16000
    with av.open(str(corpus / "two_streams.ts")) as container:
        assert [stream.codec_context.width for stream in container.streams.video] == [64, 96]
    with av.open(str(corpus / "cover_art.mp4")) as container:
        assert container.streams.video[1].codec_context.width == 320


def test_pictures_and_times_are_as_the_names_claim(corpus: Path) -> None:
    def first(name: str) -> Any:
        with av.open(str(corpus / name)) as container:
            return next(container.decode(video=0))

    assert first("interlaced.mp4").interlaced_frame
    assert first("ten_bit.mp4").format.name == "yuv420p10le"
    assert first("odd_size.mp4").format.name == "yuv444p"
    assert first("full_range.mp4").format.name == "yuvj420p"
    assert first("bt709.mp4").colorspace == 1
    assert [abs(first(f"turned_{angle}.mp4").rotation) for angle in (90, 180, 270)] == [90, 180, 90]
    assert first("before_zero.ts").pts < 0
    assert first("before_zero.mkv").pts is None
    steps = {b.pts - a.pts for a, b in pairwise(reference.sequential(corpus / "unsteady.mp4"))}  # type: ignore[operator]
    assert len(steps) > 100
    stamps = [packet.pts for packet in packets(corpus / "equal_times.mkv")]
    assert len(set(stamps)) == 118
    stamps = [packet.pts for packet in packets(corpus / "late_time.mkv")]
    assert stamps != sorted(stamps)
    assert len(set(stamps)) == 120


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_the_size_changes_on_the_way(corpus: Path, suffix: str) -> None:
    with av.open(str(corpus / f"size_change.{suffix}")) as container:
        sizes = [frame.width for frame in container.decode(video=0)]
    assert sizes == [64] * 60 + [96] * 60


def make_decord() -> Callable[[Path], Any]:
    return ask_decord


def ask_decord(path: Path) -> tuple[int, dict[int, int | None]]:
    """How many frames decord counts, and what the frames show that it gives, asked one by one."""
    count = len(plain_decord.VideoReader(str(path), num_threads=1))
    shown = {}
    for number in range(0, count, 5):
        reader = plain_decord.VideoReader(str(path), num_threads=1)
        shown[number] = number_of(reader[number].asnumpy())
    return count, shown


def test_decord_alone_is_right_and_wrong_where_it_is_said_to_be(corpus: Path) -> None:
    names = sorted(decord.READS | decord.WRONG)
    paths = [corpus / name for name in names]
    outcomes = engine.run(make_decord, paths, runtime(), label="decord")
    right = set()
    for outcome in outcomes:
        assert outcome.error is None
        shows = dict(enumerate(BY_NAME[names[outcome.index]].shows))
        count, shown = outcome.value
        if count == len(shows) and all(shows[number] == shown[number] for number in shown):
            right.add(names[outcome.index])
    assert right == decord.READS
