from pathlib import Path

import numpy as np
import pytest

from pipeline.video.reading import Survey, indexed, survey
from pipeline.video.reading.complaints import Complaints
from pipeline.video.reading.in_order import Sequential
from pipeline.video.reading.indexed import Indexed
from tests.video.hostile.coded import H264, OPEN_GOP
from tests.video.hostile.encode import Clip, write

WANTED = list(range(3, 120, 9))


@pytest.fixture(params=[H264, OPEN_GOP], ids=["closed", "open"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    clip: Clip = request.param
    write(tmp_path / "v.mp4", clip)
    return tmp_path / "v.mp4"


def check_exact(path: Path) -> None:
    found, true = (list(way(path).frames(WANTED)) for way in (Indexed, Sequential))
    assert [number for number, _ in found] == WANTED
    for (_, frame), (_, expected) in zip(found, true, strict=True):
        assert np.array_equal(frame, expected)


@pytest.mark.parametrize("far", [0, 5, 10_000])
def test_jumps_and_reading_over_give_the_same(
    path: Path, far: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexed, "FAR", far)
    check_exact(path)


@pytest.mark.parametrize("call", [1, 4, 9])
def test_what_libav_complains_of_after_a_jump_is_read_in_order(
    path: Path, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def once(_: Complaints) -> str | None:
        nonlocal calls
        calls += 1
        return "a reference is missing" if calls == call + 1 else None  # the first is the index's

    monkeypatch.setattr(Complaints, "first", once)
    check_exact(path)
    assert calls > call


def test_a_file_that_complains_at_its_ends_is_surveyed_in_order(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Indexed) -> Survey:
        raise indexed.InexactError("a reference is missing")

    assert survey(path, "auto", salvage=False).way == "index"
    monkeypatch.setattr(Indexed, "survey", broken)
    assert survey(path, "auto", salvage=False).way == "order"
