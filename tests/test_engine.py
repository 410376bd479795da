import os
import signal
import time
from collections.abc import Callable

import pytest

from pipeline import engine
from pipeline.config import Runtime

RUNTIME = Runtime(
    workers=2,
    device="cpu",
    batch_size=8,
    threads=1,
    timeout_s=3.0,
    recycle_after=3,
    max_failed_share=1.0,
    store="unused",
)


def make_trouble() -> Callable[[str], str]:
    def work(item: str) -> str:
        if item == "dies":
            os.kill(os.getpid(), signal.SIGSEGV)
        if item == "hangs":
            time.sleep(60)
        if item == "raises":
            raise ValueError("first line\nsecond line")
        if item == "fatal":
            raise engine.FatalError("the disk is full")
        return item.upper()

    return work


def make_impossible() -> Callable[[str], str]:
    raise FileNotFoundError("no weights here")


def test_one_bad_item_never_costs_another() -> None:
    items = ["a", "dies", "b", "hangs", "c", "raises", "d", "e", "f"]
    outcomes = {o.index: o for o in engine.run(make_trouble, items, RUNTIME, label="test")}
    assert len(outcomes) == len(items)
    values = {items[i]: o.value for i, o in outcomes.items() if o.error is None}
    assert values == {name: name.upper() for name in "abcdef"}
    errors = {items[i]: o.error for i, o in outcomes.items() if o.error}
    assert "died" in str(errors["dies"])
    assert "longer than 3 s (runtime.timeout_s)" in str(errors["hangs"])
    assert errors["raises"] == "ValueError: first line"


def test_a_worker_that_cannot_start_stops_the_run() -> None:
    with pytest.raises(engine.FatalError, match="no weights here"):
        list(engine.run(make_impossible, ["a", "b"], RUNTIME, label="test"))


def test_a_fatal_error_stops_the_run() -> None:
    with pytest.raises(engine.FatalError, match="the disk is full"):
        list(engine.run(make_trouble, ["fatal", "a"], RUNTIME, label="test"))


def test_nothing_to_do_starts_nothing() -> None:
    assert list(engine.run(make_impossible, [], RUNTIME, label="test")) == []
