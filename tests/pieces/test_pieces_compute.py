import os
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
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


class Together:
    """Measures several videos at a call; the first time it dies before its second."""

    def __init__(self, log: Path) -> None:
        self.measure = Measure(log)
        self.mark = log.with_name("died")

    def __call__(self, sources: Sequence[int]) -> Iterator[tuple[int, pa.Table]]:
        for position, source in enumerate(sources):
            if position == 1 and not self.mark.exists():
                self.mark.touch()
                os._exit(1)
            yield position, self.measure(source)


class Slow:
    """Takes a second a video, and notes how often it was set up."""

    def __init__(self, log: Path) -> None:
        self.measure = Measure(log)
        (log.with_name("set up") / str(os.getpid())).touch()

    def __call__(self, sources: Sequence[int]) -> Iterator[tuple[int, pa.Table]]:
        for position, source in enumerate(sources):
            time.sleep(1)
            yield position, self.measure(source)


def test_videos_that_are_computed_together_have_the_time_of_them_all(
    log: Path, store: pieces.Store
) -> None:
    log.with_name("set up").mkdir()
    hasty = PATIENT.model_copy(update={"timeout_s": 2.0})
    jobs = jobs_of({f"v{number}": number for number in range(4)})
    computed = pieces.compute(jobs, partial(Slow, log), store, hasty, workers=1, together=4)
    assert computed.summary() == "4 computed, 0 reused, 0 left out"
    assert len(list(log.with_name("set up").iterdir())) == 1


def test_what_a_dead_worker_has_saved_of_its_videos_is_not_made_again(
    log: Path, store: pieces.Store
) -> None:
    jobs = jobs_of({"v1": 1, "v2": 2, "v3": 3})
    make = partial(Together, log)
    computed = pieces.compute(jobs, make, store, PATIENT, workers=1, together=16)
    assert computed.summary() == "3 computed, 0 reused, 0 left out"
    assert made(log) == [1, 2, 3]
    assert (log.with_name("died")).exists()
