"""Every hostile file, by every decoder, strict and salvaging: each comes to its stated outcome.

All is read in one run of the engine, in worker processes with a time limit, as stages do.
"""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import engine
from tests.video import reference
from tests.video.hostile import BY_NAME, CASES, Case, decord
from tests.video.hostile.barcode import number_of
from tests.video.reading import Picture, Reading, Task, indices, read_all

DECODERS = ("auto", "pyav", "decord")
GREY_LEVELS = 4.0  # by which decord's pictures may differ from PyAV's, on average

# Salvaged files whose packets tell by their times which frames are lost.
TIMED = {"cut_tail.mp4", "zeroed.mp4", "zeroed_start.mp4", "zeroed_end.mp4", "zeroed_key.mp4"}
TIMED |= {"lengths.mp4", "payload.mp4", "flipped.mp4", "zeroed_hevc.mp4", "zeroed.webm"}
SOUND = [case for case in CASES if not case.refused]
REFUSED = [case for case in CASES if case.refused]
SALVAGED = [case for case in CASES if case.salvaged]
LOST = [case for case in REFUSED if not case.salvaged]

Readings = dict[tuple[str, str, bool], engine.Outcome]


@pytest.fixture(scope="session")
def readings(corpus: Path) -> Readings:
    tasks = [
        Task(corpus / case.name, decoder, salvage)
        for case in CASES
        for decoder in DECODERS
        for salvage in (False, True)
    ]
    read = read_all(tasks)
    return {(task.path.name, task.decoder, task.salvage): read[task] for task in tasks}


@pytest.fixture(scope="session")
def truth(corpus: Path) -> Any:
    """A function from a case to the pictures of its file, decoded in order."""
    known: dict[str, list[Picture]] = {}

    def pictures(case: Case) -> list[Picture]:
        if case.name not in known:
            shown = reference.sequential(corpus / case.name)
            known[case.name] = [frame.picture for frame in shown]
        return known[case.name]

    return pictures


def each(cases: list[Case], decoders: tuple[str, ...]) -> pytest.MarkDecorator:
    """Parameters (case, decoder)."""
    readable = os.geteuid() == 0  # the superuser reads a locked file all the same
    params = [
        pytest.param(case, decoder, id=f"{case.name}-{decoder}")
        for case in cases
        if not (case.name == "locked.mp4" and readable)
        for decoder in decoders
    ]
    return pytest.mark.parametrize(("case", "decoder"), params)


def came_of(readings: Readings, case: Case, decoder: str, *, salvage: bool) -> Reading:
    outcome = readings[case.name, decoder, salvage]
    assert outcome.error is None, outcome.error
    assert isinstance(outcome.value, Reading)
    return outcome.value


def check_reason(reason: str, path: Path) -> None:
    """A reason is one line in plain words, and says nothing of where the program was built."""
    assert reason.strip() == reason != ""
    assert "\n" not in reason
    assert str(path) not in reason
    assert not re.search(r"/\w+/|\.cc:|\.c:|\.py", reason)


def check_read(reading: Reading, case: Case, pictures: list[Picture], *, exact: bool) -> None:
    """The file is read whole, and every way to ask gives the frames that ffmpeg gives."""
    assert reading.reason == ""
    assert reading.refused_frames == {}
    assert (reading.survey.n_frames, reading.survey.n_lost) == (len(pictures), 0)
    assert reading.survey.damage == ""
    assert (reading.survey.height, reading.survey.width) == pictures[0].shape[:2]
    assert len(case.shows) == len(pictures)
    for way, numbers in indices(len(pictures)).items():
        assert list(reading.frames[way]) == numbers
        for number, frame in reading.frames[way].items():
            if case.shows[number] is not None:
                assert number_of(frame) == case.shows[number], (way, number)
            check_same(frame, pictures[number], exact=exact)


def check_same(frame: Picture, picture: Picture, *, exact: bool) -> None:
    assert frame.dtype == np.uint8
    assert frame.shape == picture.shape
    if exact:
        assert np.array_equal(frame, picture)
    else:
        assert np.abs(frame.astype(float) - picture).mean() < GREY_LEVELS


def check_nothing_wrong(reading: Reading, path: Path) -> None:
    """Frames that came before a file was refused are the right ones, or ffmpeg's at their place."""
    for frames in reading.frames.values():
        for number, frame in frames.items():
            if number_of(frame) != number:
                check_same(frame, reference.placed(path)[1][number], exact=True)


@pytest.mark.parametrize("salvage", [False, True], ids=["strict", "salvage"])
@each(SOUND, ("auto", "pyav"))
def test_what_ffmpeg_reads_without_complaint_is_read_exactly(
    readings: Readings, truth: Any, case: Case, decoder: str, salvage: bool
) -> None:
    reading = came_of(readings, case, decoder, salvage=salvage)
    check_read(reading, case, truth(case), exact=True)


@each([case for case in SOUND if case.name not in decord.CONCEALS], ("decord",))
def test_decord_gives_the_right_frames_or_none(
    readings: Readings, truth: Any, case: Case, decoder: str, corpus: Path
) -> None:
    reading = came_of(readings, case, decoder, salvage=False)
    if reading.reason and case.name not in decord.READS:
        check_reason(reading.reason, corpus / case.name)
        check_nothing_wrong(reading, corpus / case.name)
    else:
        check_read(reading, case, truth(case), exact=False)


@each(REFUSED, ("auto", "pyav"))
def test_what_is_damaged_or_no_video_is_refused_with_its_reason(
    readings: Readings, case: Case, decoder: str, corpus: Path
) -> None:
    reading = came_of(readings, case, decoder, salvage=False)
    check_reason(reading.reason, corpus / case.name)
    assert re.search(case.refused, reading.reason)
    check_nothing_wrong(reading, corpus / case.name)


@each(REFUSED, ("decord",))
def test_decord_refuses_it_as_well(
    readings: Readings, case: Case, decoder: str, corpus: Path
) -> None:
    reading = came_of(readings, case, decoder, salvage=False)
    check_reason(reading.reason, corpus / case.name)
    check_nothing_wrong(reading, corpus / case.name)


@pytest.mark.parametrize("name", sorted(decord.CONCEALS))
def test_where_decord_conceals_damage_the_other_frames_are_right(
    readings: Readings, name: str
) -> None:
    reading = came_of(readings, BY_NAME[name], "decord", salvage=False)
    salvaged = BY_NAME[name].salvaged
    shows = salvaged.shows if salvaged else dict(enumerate(BY_NAME[name].shows))
    for number, frame in reading.frames.get("every", {}).items():
        if shows.get(number) is not None:
            assert number_of(frame) == shows[number]


@each(LOST, DECODERS)
def test_what_holds_no_frame_cannot_be_salvaged(
    readings: Readings, case: Case, decoder: str, corpus: Path
) -> None:
    reading = came_of(readings, case, decoder, salvage=True)
    check_reason(reading.reason, corpus / case.name)
    assert re.search(case.refused, reading.reason)


@each(SALVAGED, DECODERS)
def test_what_still_decodes_is_salvaged(
    readings: Readings, case: Case, decoder: str, corpus: Path
) -> None:
    reading = came_of(readings, case, decoder, salvage=True)
    assert case.salvaged is not None
    assert reading.reason == ""
    check_reason(reading.survey.damage, corpus / case.name)
    found = reading.survey.n_frames, reading.survey.n_lost
    assert found == (case.salvaged.n_frames, case.salvaged.n_lost)
    every = reading.frames["every"]
    assert list(every) == list(range(case.salvaged.n_frames))
    shown = {number: number_of(every[number]) for number in case.salvaged.shows}
    assert shown == dict(case.salvaged.shows)
    if case.name in TIMED:
        _, right = reference.placed(corpus / case.name)
        for number, frame in every.items():
            nearest = min(right, key=lambda place: (abs(place - number), place))
            check_same(frame, right[nearest], exact=True)
    for way in ("sparse", "dense"):
        for number, frame in reading.frames[way].items():
            assert np.array_equal(frame, every[number])
