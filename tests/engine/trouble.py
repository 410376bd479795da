"""Functions for workers: some work, some raise, hang, or end their process.

In a module of its own, since workers import it: a test's module would drag pytest along.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from pipeline import engine

WORK = ["a", "dies", "b", "hangs", "c", "raises", "d", "leaves", "e", "f"]
VALUES = {name: name.upper() for name in "abcdef"}


def make_trouble() -> Callable[[str], str]:
    def work(name: str) -> str:
        if name == "dies":
            os.kill(os.getpid(), signal.SIGSEGV)
        if name == "hangs":
            sum(iter(int, 1))  # in C code for ever, where Python handles no signal
        if name == "raises":
            raise ValueError("first line\nsecond line")
        if name == "leaves":
            sys.exit("a library that exits")
        if name == "fatal":
            raise engine.FatalError("the disk is full")
        return name.upper()

    return work


def make_impossible() -> Callable[[str], str]:
    raise FileNotFoundError("no weights here")


def make_slowly() -> Callable[[str], str]:
    time.sleep(4)  # longer than a video may take
    return str.upper


def make_and_die() -> Callable[[str], str]:
    os.kill(os.getpid(), signal.SIGKILL)
    return str.upper


class Spoiled:
    """Spoils its process at the first "spoils" of a run; a spoiled process can do nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.works = True

    def __call__(self, name: str) -> int:
        if name == "spoils" and not (self.folder / "spoilt").exists():
            (self.folder / "spoilt").touch()
            self.works = False
            raise engine.SpoiledError("the GPU failed")
        assert self.works
        return os.getpid()


def make_spoiled(folder: Path) -> Callable[[str], int]:
    return Spoiled(folder)


class Unpicklable:
    """Pickled without trouble; unpickling it fails, as where a module is missing."""

    def __reduce__(self) -> tuple[Callable[[], Callable[[str], str]], tuple[()]]:
        return make_impossible, ()

    def __call__(self) -> Callable[[str], str]:
        return str.upper


class Noting:
    """Notes each call in a folder, as `<work>.<how often>`, before it does anything else.

    Work called `dies-<n>` ends its process the first n times; any work takes `seconds`.
    """

    def __init__(self, folder: Path, seconds: float = 0.0) -> None:
        self.folder = folder
        self.seconds = seconds

    def __call__(self, work: str) -> tuple[str, int, str | None]:
        """The work, this process, and the GPUs it may see."""
        for times in count(1):
            try:
                (self.folder / f"{work}.{times}").touch(exist_ok=False)
                break
            except FileExistsError:
                continue
        if work.startswith("dies-") and times <= int(work.removeprefix("dies-")):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.seconds)
        return work, os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")


def calls(folder: Path, work: str) -> int:
    """How often a `Noting` function was called with that work."""
    return len(list(folder.glob(f"{work}.*")))
