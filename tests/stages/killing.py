"""Programs that are killed outright at a chosen moment, and what they wrote until then."""

import os
import random
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tests.stages.small_dataset import SLOW, STORE, environment

# Whom to kill, and when. At the output the workers have left already.
KILLS = (
    *(("worker", moment) for moment in ("any time", "after a piece")),
    *(("parent", moment) for moment in ("any time", "any time", "after a piece", "at the output")),
    *(("group", moment) for moment in ("any time", "any time", "after a piece", "at the output")),
)
MARK = "WATCHED_RUN"
# Python runs a module of this name at its start: one that notes which pieces appear, and whether
# they were there before, and which videos are opened, by whom.
WATCHER = f"""
import os, sys

def note(event, arguments):
    names = [str(name) for name in arguments[:2]]
    if event == "os.rename" and names[1].endswith(".parquet") and "{STORE}" in names[1]:
        line = f"piece {{os.path.exists(names[1])}} {{os.path.basename(names[1])}}"
    elif event == "open" and names[0].endswith(".mp4"):
        line = f"video {{os.getpid()}} {{os.path.basename(names[0])}}"
    else:
        return
    os.write(LOG, (line + "\\n").encode())

LOG = os.open(os.environ["WATCHED_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
sys.addaudithook(note)
"""


@dataclass(frozen=True)
class Watched:
    """What programs wrote and opened, as they noted themselves; `log` is a file."""

    log: Path

    def lines(self, kind: str) -> list[list[str]]:
        """The noted lines of a kind, without it."""
        found = self.log.read_text().split("\n") if self.log.exists() else []
        return [line.split()[1:] for line in found if line.startswith(kind)]

    def rewritten(self) -> list[str]:
        """Pieces that were written although they were there."""
        return [name for existed, name in self.lines("piece") if existed == "True"]

    def written(self) -> set[str]:
        """Pieces that were written."""
        return {name for _, name in self.lines("piece")}

    def begun(self) -> Counter[str]:
        """In how many processes each video was opened."""
        return Counter(name for _, name in {tuple(line) for line in self.lines("video")})


@dataclass
class Run:
    """A program in a process group of its own, every process of which carries a mark."""

    process: subprocess.Popen[bytes]
    mark: str
    output: Path

    @classmethod
    def start(cls, folder: Path, command: list[str], watched: Watched) -> "Run":
        """Start a command in `folder`; its output is kept beside the log."""
        hook = watched.log.with_name("hook")
        hook.mkdir(exist_ok=True)
        (hook / "sitecustomize.py").write_text(WATCHER)
        mark, output = uuid.uuid4().hex, watched.log.with_name("output.txt")
        env = environment(**{MARK: mark, "WATCHED_LOG": str(watched.log)})
        env["PYTHONPATH"] = f"{hook}{os.pathsep}{env['PYTHONPATH']}"
        with output.open("wb") as file:
            process = subprocess.Popen(
                command, cwd=folder, env=env, stdout=file, stderr=file, start_new_session=True
            )
        return cls(process, mark, output)

    def living(self) -> list[psutil.Process]:
        """Its processes that are alive, also those that have lost their parent."""
        return [process for process in psutil.process_iter() if _mark_of(process) == self.mark]

    def parent(self) -> psutil.Process | None:
        """The stage's program, which may be a child of the command."""
        return next((p for p in self.living() if _given(p, "stages.")), None)

    def workers(self) -> list[psutil.Process]:
        """The processes that compute pieces."""
        return [process for process in self.living() if _given(process, "--multiprocessing-fork")]

    def wait_until(self, there: Callable[[], object]) -> bool:
        """Whether it is so before the run ends."""
        deadline = time.monotonic() + SLOW
        while not there():
            if self.process.poll() is not None:
                return False
            assert time.monotonic() < deadline, f"hangs: {self.output.read_text()}"
            time.sleep(0.001)
        return self.process.poll() is None

    def kill(self, victim: str, rng: random.Random) -> bool:
        """Kill outright a worker, the parent or the whole group; whether there was one to kill."""
        if victim == "group":
            os.killpg(self.process.pid, signal.SIGKILL)
            return True
        if victim == "worker":
            found = self.workers()
            target = rng.choice(found) if found else None
        else:
            target = self.parent()
        if target is None:
            return False
        try:
            target.kill()
        except psutil.NoSuchProcess:
            return False
        return True

    def end(self) -> str:
        """Wait until the last of its processes has left; the output of all."""
        try:
            self.process.wait(timeout=SLOW)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError(f"hangs: {self.output.read_text()}") from None
        deadline = time.monotonic() + 30  # workers that are importing notice it only then
        while orphans := self.living():
            assert time.monotonic() < deadline, f"orphans: {list(map(_arguments, orphans))}"
            time.sleep(0.05)
        return self.output.read_text()


def _mark_of(process: psutil.Process) -> str | None:
    try:
        mark: str | None = process.environ().get(MARK)
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # gone meanwhile, or not ours
        return None
    return mark


def _arguments(process: psutil.Process) -> list[str]:
    try:
        arguments: list[str] = process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []
    return arguments


def _given(process: psutil.Process, beginning: str) -> bool:
    """Whether an argument of the process begins so."""
    return any(argument.startswith(beginning) for argument in _arguments(process))
