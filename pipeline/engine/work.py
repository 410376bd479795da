"""What every engine shares: outcomes, errors that stop a run, and the function in a worker."""

import os
import pickle
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import UserError


class FatalError(UserError):
    """Not one video's fault (weights missing, disk full): stops the whole run."""


class SpoiledError(Exception):
    """This process can compute nothing more (a GPU context that broke): a new one must go on."""


@dataclass(frozen=True)
class Outcome:
    """What one piece of work came to: `value` when `error` is None."""

    index: int
    value: Any = None
    error: str | None = None


def load(make: bytes) -> Callable[[Any], Any]:
    """Unpickle, in a worker, what makes its function, and call it.

    Late, so that what is imported along the way finds the worker prepared, and fails in `Worker`.
    """
    function: Callable[[Any], Any] = pickle.loads(make)()
    return function


def first_line(error: BaseException) -> str:
    """`Type: first line of the message`, what a table's error column holds."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def died_in_set_up(label: str) -> str:
    """Why a run ends whose workers die before they can do anything."""
    return (
        f"{label}: worker processes died while being set up (out of memory?); "
        "try fewer runtime.workers, then run again: nothing computed is lost"
    )


class Backlog:
    """The work nobody has yet, by index, in order; `limits`: seconds that each may take.

    Work whose worker died comes round once more, at the end: a machine that was short of
    memory for a moment costs no video then, and a video that crashes its decoder costs two workers.
    """

    def __init__(self, limits: Sequence[float]) -> None:
        self.limits = limits
        self._todo = deque(range(len(limits)))
        self._blamed: set[int] = set()

    def __len__(self) -> int:
        return len(self._todo)

    def take(self) -> int:
        """The next index; raises `IndexError` when there is none."""
        return self._todo.popleft()

    def give_back(self, indices: Iterable[int]) -> None:
        """Work that was taken but never begun, or lost through no fault of its own."""
        self._todo.extendleft(sorted(indices, reverse=True))

    def worker_died(self, index: int, how: str) -> Outcome | None:
        """Put work back whose worker died; return its outcome the second time."""
        if index in self._blamed:
            return Outcome(index, error=f"the worker process died ({how}), twice")
        self._blamed.add(index)
        self._todo.append(index)
        return None

    def too_long(self, index: int) -> Outcome:
        """The outcome of work that was stopped after its time."""
        seconds = f"{self.limits[index]:g} s"
        reason = f"took longer than {seconds} (runtime.timeout_s); the worker was killed"
        return Outcome(index, error=reason)


class Worker:
    """In a worker process, between one piece of work and the next: the function, or why none."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]]) -> None:
        self.failure: str | None = None
        try:
            self.function = make()
        except (Exception, SystemExit) as error:
            self.failure = first_line(error)

    def __call__(self, work: Any) -> tuple[Any, str | None]:
        """The function's value for `work`, or the reason it has none."""
        if self.failure is not None:
            raise FatalError(f"a worker could not be set up: {self.failure}")
        try:
            return self.function(work), None
        except FatalError:
            raise
        except SpoiledError as error:
            print(f"a worker ends: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        except (Exception, SystemExit) as error:  # a video's failure is a row in a table, no crash
            return None, first_line(error)
