import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import engine
from pipeline.config import Runtime

RUNTIME = Runtime(
    engine="local",
    workers=2,
    device="cpu",
    batch_size=8,
    compile=False,
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


def make_slowly() -> Callable[[str], str]:
    time.sleep(4)  # longer than a video may take
    return str.upper


def make_and_die() -> Callable[[str], str]:
    os.kill(os.getpid(), signal.SIGKILL)
    return str.upper


def test_setting_up_takes_no_video_s_time() -> None:
    outcomes = list(engine.run(make_slowly, ["a", "b"], RUNTIME, label="test"))
    assert sorted(outcome.value for outcome in outcomes) == ["A", "B"]


def test_workers_that_die_while_set_up_stop_the_run() -> None:
    with pytest.raises(engine.FatalError, match="died while being set up"):
        list(engine.run(make_and_die, ["a", "b", "c"], RUNTIME, label="test"))


def runs(pid: int) -> bool:
    """Whether the process is there and no zombie that waits to be reaped."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(KILLED_PARENT)
    here = Path(__file__).resolve().parents[1]
    parent = subprocess.Popen(
        [sys.executable, str(program), str(tmp_path)], env={"PYTHONPATH": str(here)}
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("*.pid"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = [int(path.stem) for path in tmp_path.glob("*.pid")]
    assert len(workers) == 2
    parent.kill()
    parent.wait()
    time.sleep(1)
    assert not [pid for pid in workers if runs(pid)]


KILLED_PARENT = """
import os, sys, time
from functools import partial
from pathlib import Path
from pipeline import engine
from tests.test_engine import RUNTIME

class Hang:
    def __init__(self, folder):
        self.folder = folder
    def __call__(self, item):
        (Path(self.folder) / f"{os.getpid()}.pid").touch()
        time.sleep(600)

if __name__ == "__main__":
    patient = RUNTIME.model_copy(update={"timeout_s": 600.0})
    list(engine.run(partial(Hang, sys.argv[1]), ["a", "b"], patient, label="test"))
"""


def test_a_fatal_error_stops_the_run() -> None:
    with pytest.raises(engine.FatalError, match="the disk is full"):
        list(engine.run(make_trouble, ["fatal", "a"], RUNTIME, label="test"))


def test_nothing_to_do_starts_nothing() -> None:
    assert list(engine.run(make_impossible, [], RUNTIME, label="test")) == []
