import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pebble.pool.process import WorkerManager

from pipeline import engine
from pipeline.engine import local, pool
from pipeline.engine.local import how_it_died
from pipeline.engine.pool import Pool
from tests.engine.trouble import (
    VALUES,
    WORK,
    Noting,
    Unpicklable,
    calls,
    make_and_die,
    make_impossible,
    make_slowly,
    make_spoiled,
    make_trouble,
)
from tests.runtime import RUNTIME


def test_one_bad_video_never_costs_another() -> None:
    outcomes = {o.index: o for o in engine.run(make_trouble, WORK, RUNTIME, label="test")}
    assert len(outcomes) == len(WORK)
    assert {WORK[i]: o.value for i, o in outcomes.items() if o.error is None} == VALUES
    errors = {WORK[i]: o.error for i, o in outcomes.items() if o.error}
    assert errors == {
        "dies": "the worker process died (Segmentation fault), twice",
        "hangs": "took longer than 3 s (runtime.timeout_s); the worker was killed",
        "raises": "ValueError: first line",
        "leaves": "SystemExit: a library that exits",
    }


def test_a_video_whose_worker_is_killed_once_is_tried_again(tmp_path: Path) -> None:
    work = ["a", "dies-1", "b", "dies-9"]
    outcomes = {
        work[o.index]: o for o in engine.run(partial(Noting, tmp_path), work, RUNTIME, label="test")
    }
    assert {name for name, o in outcomes.items() if o.error is None} == {"a", "b", "dies-1"}
    assert outcomes["dies-9"].error == "the worker process died (Killed; out of memory?), twice"
    assert [calls(tmp_path, name) for name in work] == [1, 2, 1, 2]


def test_a_spoiled_process_does_no_further_work(tmp_path: Path) -> None:
    work = ["a", "spoils", "b", "c", "d"]
    one = RUNTIME.model_copy(update={"workers": 1, "recycle_after": 100})
    outcomes = list(engine.run(partial(make_spoiled, tmp_path), work, one, label="test"))
    assert [o.error for o in outcomes] == [None] * 5
    by_name = {work[o.index]: o.value for o in outcomes}
    assert by_name["a"] != by_name["b"] == by_name["d"] == by_name["spoils"]


def test_a_death_is_never_blamed_on_the_video_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = WorkerManager.receive

    def late(manager: WorkerManager, timeout: float) -> Any:
        time.sleep(0.15)  # as on a machine with too much to do: death is seen before messages
        return receive(manager, timeout)

    monkeypatch.setattr(WorkerManager, "receive", late)
    work = ["a", "dies-9", "b"]
    one = RUNTIME.model_copy(update={"workers": 1})
    outcomes = list(engine.run(partial(Noting, tmp_path), work, one, label="test"))
    errors = {work[outcome.index]: outcome.error for outcome in outcomes if outcome.error}
    assert errors == {"dies-9": "the worker process died (Killed; out of memory?), twice"}
    assert [calls(tmp_path, name) for name in work] == [1, 2, 1]


def test_how_a_process_died_is_said_in_words() -> None:
    assert how_it_died(1) == "exit code 1"
    assert how_it_died(-6) == "Aborted"


@pytest.mark.parametrize("make", [make_impossible, Unpicklable()])
def test_a_worker_that_cannot_start_stops_the_run(make: Callable[[], Callable[[str], str]]) -> None:
    with pytest.raises(engine.FatalError, match="no weights here"):
        list(engine.run(make, ["a", "b"], RUNTIME, label="test"))


def test_setting_up_takes_no_video_s_time() -> None:
    outcomes = list(engine.run(make_slowly, ["a", "b"], RUNTIME, label="test"))
    assert sorted(outcome.value for outcome in outcomes) == ["A", "B"]


def test_workers_that_die_while_set_up_stop_the_run() -> None:
    with pytest.raises(engine.FatalError, match="died while being set up"):
        list(engine.run(make_and_die, ["a", "b", "c"], RUNTIME, label="test"))


class DiesInSetUp:
    """Kills the first two workers while they are being set up."""

    def __init__(self, folder: Path) -> None:
        for name in ("first", "second"):
            try:
                (folder / name).touch(exist_ok=False)
            except FileExistsError:
                continue
            os.kill(os.getpid(), 9)

    def __call__(self, name: str) -> str:
        return name.upper()


def test_workers_killed_while_set_up_are_replaced(tmp_path: Path) -> None:
    one = RUNTIME.model_copy(update={"workers": 1})
    outcomes = engine.run(partial(DiesInSetUp, tmp_path), ["a", "b"], one, label="test")
    assert sorted(outcome.value for outcome in outcomes) == ["A", "B"]


class Forgetful(Pool):
    """Breaks as work comes, once: the work lies in its queue and nobody will look there again."""

    broke = False

    def schedule(self, *given: Any, **named: Any) -> Any:
        if Forgetful.broke:
            return super().schedule(*given, **named)
        Forgetful.broke = True
        assert self.active
        self._check_pool_status = lambda: None  # it passed before the pool broke
        self._pool_manager.handle_broken_pool(BrokenProcessPool("All workers expired"))
        self._context.task_queue.put(None)
        for loop in self._loops:
            loop.join()
        return super().schedule(*given, **named)


def test_work_that_a_breaking_pool_forgets_is_done_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local, "Pool", Forgetful)
    outcomes = list(engine.run(make_trouble, ["a", "b"], RUNTIME, label="test"))
    assert Forgetful.broke
    assert sorted(o.value for o in outcomes) == [VALUES["a"], VALUES["b"]]


def test_work_that_a_dead_worker_took_without_a_word_is_done_by_the_next_pool(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost: list[Any] = []
    dispatch = WorkerManager.dispatch

    def lose_one(manager: WorkerManager, task: Any) -> None:
        if lost:
            dispatch(manager, task)
        lost.append(task)

    monkeypatch.setattr(WorkerManager, "dispatch", lose_one)
    monkeypatch.setattr(pool, "PATIENCE_S", 1.5)
    outcomes = list(engine.run(make_trouble, ["a", "b", "c"], RUNTIME, label="test"))
    assert sorted(o.value for o in outcomes) == [VALUES[name] for name in "abc"]
    assert len(lost) == 4


def test_a_pool_that_works_between_two_looks_has_forgotten_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with Pool(context=context, marks=tmp_path, max_workers=1) as working:
        assert working.schedule(os.getpid).result() != os.getpid()
        (pid,) = working._pool_manager.worker_manager.workers
        pool.ready_mark(tmp_path, pid).touch()
        waiting = [Future[None]()]
        assert not working.forgets(waiting)
        working._idle_since = time.monotonic() - 60
        assert working.forgets(waiting)
        working.works()
        assert not working.forgets(waiting)


def test_workers_that_are_long_in_being_set_up_have_forgotten_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "PATIENCE_S", 0.0)
    outcomes = list(engine.run(make_slowly, ["a", "b"], RUNTIME, label="test"))
    assert [o.error for o in outcomes] == [None, None]


def test_workers_are_as_many_as_asked_for_and_recycled(tmp_path: Path) -> None:
    work = [str(number) for number in range(7)]
    one = RUNTIME.model_copy(update={"workers": 1})
    outcomes = list(engine.run(partial(Noting, tmp_path), work, one, label="test"))
    assert sorted(outcome.value[0] for outcome in outcomes) == work
    begun = {name: (tmp_path / f"{name}.1").stat().st_mtime_ns for name in work}
    assert sorted(work, key=begun.__getitem__) == work  # one worker: one after another
    assert len({outcome.value[1] for outcome in outcomes}) == 3  # 3 + 3 + 1


def make_memory_rank() -> Callable[[str], int]:
    return lambda path: int(Path(path).read_text())


def test_when_memory_is_short_a_worker_goes_before_the_run() -> None:
    rank = "/proc/self/oom_score_adj"
    (outcome,) = engine.run(make_memory_rank, [rank], RUNTIME, label="test")
    assert outcome.value > int(Path(rank).read_text())


def test_a_fatal_error_stops_the_run() -> None:
    with pytest.raises(engine.FatalError, match="the disk is full"):
        list(engine.run(make_trouble, ["fatal", "a"], RUNTIME, label="test"))


def test_nothing_to_do_starts_nothing() -> None:
    assert list(engine.run(make_impossible, [], RUNTIME, label="test")) == []
