"""However a run ends, its workers end with it."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import os, sys, time
from functools import partial
from pathlib import Path
from pipeline import engine
from tests.runtime import RUNTIME

class Hang:
    def __init__(self, folder):
        self.folder = Path(folder)
        (self.folder / f"{os.getpid()}.pid").touch()
        while (self.folder / "slow").exists():
            time.sleep(0.1)

    def __call__(self, work):
        if work == "quick":
            (self.folder / "quick.piece").touch()
            return work
        (self.folder / f"{os.getpid()}.hangs").touch()
        sum(iter(int, 1))

if __name__ == "__main__":
    patient = RUNTIME.model_copy(update={"timeout_s": 600.0})
    list(engine.run(partial(Hang, sys.argv[1]), ["quick", "a", "b"], patient, label="test"))
"""


def runs(pid: int) -> bool:
    """Whether the process is there and no zombie that waits to be reaped."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for(folder: Path, pattern: str, number: int) -> None:
    deadline = time.monotonic() + 90
    while len(list(folder.glob(pattern))) < number and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(list(folder.glob(pattern))) >= number


@pytest.fixture
def program(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    started = subprocess.Popen(
        [sys.executable, str(path), str(tmp_path)],
        env={"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield started
    started.kill()
    started.wait()
    assert started.stderr is not None
    started.stderr.close()


def none_runs(folder: Path) -> bool:
    """Whether the workers end, within a few seconds."""
    pids = [int(path.stem) for path in folder.glob("*.pid")]
    deadline = time.monotonic() + 5
    while any(map(runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return len(pids) >= 2 and not any(map(runs, pids))


def test_workers_end_with_a_parent_that_is_killed(
    tmp_path: Path, program: subprocess.Popen[str]
) -> None:
    wait_for(tmp_path, "*.hangs", 2)
    program.kill()
    program.wait()
    assert none_runs(tmp_path)


def test_workers_that_are_being_set_up_end_too(
    tmp_path: Path, program: subprocess.Popen[str]
) -> None:
    (tmp_path / "slow").touch()
    wait_for(tmp_path, "*.pid", 2)
    program.kill()
    program.wait()
    assert none_runs(tmp_path)


def test_sigterm_ends_the_run_with_a_message_and_a_status(
    tmp_path: Path, program: subprocess.Popen[str]
) -> None:
    wait_for(tmp_path, "*.hangs", 2)
    program.send_signal(signal.SIGTERM)
    started = time.monotonic()
    assert program.stderr is not None
    told = program.stderr.read()
    assert program.wait(timeout=5) == 128 + signal.SIGTERM
    assert time.monotonic() - started < 3  # workers that are stuck in C code are not waited for
    assert "test: stopped by SIGTERM; run again to go on from here" in told
    assert "Traceback" not in told
    assert (tmp_path / "quick.piece").exists()
    assert none_runs(tmp_path)


def test_an_interrupt_leaves_no_workers(tmp_path: Path, program: subprocess.Popen[str]) -> None:
    wait_for(tmp_path, "*.hangs", 2)
    program.send_signal(signal.SIGINT)
    assert program.wait(timeout=20) != 0
    assert none_runs(tmp_path)
