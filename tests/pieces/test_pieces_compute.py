from functools import partial
from pathlib import Path

import pytest

from pipeline import pieces
from pipeline.errors import UserError
from tests.pieces.measuring import PATIENT, Measure, jobs_of, made


def test_a_key_depends_on_all_that_shapes_a_piece() -> None:
    keys = {
        pieces.Recipe(stage, version, {"b": b, "a": 1}).key(source)
        for stage in ("clip", "text")
        for version in (1, 2)
        for b in (0.5, 1)
        for source in ("x", "y")
    }
    assert len(keys) == 16
    same = pieces.Recipe("clip", 1, {"a": 1, "b": 0.5}).key("x")
    assert same in keys  # the order of settings does not matter


def test_only_what_is_missing_is_computed(log: Path, store: pieces.Store) -> None:
    make = partial(Measure, log)
    first = pieces.compute(jobs_of({"v1": 1, "v2": 2}), make, store, PATIENT)
    assert first.summary() == "2 computed, 0 reused, 0 left out"
    grown = jobs_of({"v1": 1, "v2": 2, "v3": 3})
    second = pieces.compute(grown, make, store, PATIENT)
    assert second.summary() == "1 computed, 2 reused, 0 left out"
    assert made(log) == [1, 2, 3]


def test_videos_of_equal_content_share_a_piece(log: Path, store: pieces.Store) -> None:
    computed = pieces.compute(jobs_of({"v1": 5, "copy": 5}), partial(Measure, log), store, PATIENT)
    assert made(log) == [5]
    assert [job.video_id for job in computed.done] == ["v1", "copy"]


def test_a_damaged_piece_is_made_again(
    log: Path, store: pieces.Store, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = jobs_of({"v1": 1, "v2": 2})
    pieces.compute(jobs, partial(Measure, log), store, PATIENT)
    path = store.path(jobs[0].key)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    pieces.compute(jobs, partial(Measure, log), store, PATIENT)
    assert made(log) == [1, 1, 2]
    assert path.read_bytes() == whole
    assert str(path) in capsys.readouterr().err


def test_a_failure_is_told_and_too_many_stop_the_stage(log: Path, store: pieces.Store) -> None:
    jobs = jobs_of({"good": 1, "bad": -1, "fine": 2})
    computed = pieces.compute(jobs, partial(Measure, log), store, PATIENT)
    assert computed.failed == {"bad": "ValueError: negative"}
    assert [job.video_id for job in computed.done] == ["good", "fine"]
    strict = PATIENT.model_copy(update={"max_failed_share": 0.3})
    with pytest.raises(UserError, match=r"1 of 3 videos failed[\s\S]*bad: ValueError: negative"):
        pieces.compute(jobs, partial(Measure, log), store, strict)
    assert made(log) == [1, 2]
