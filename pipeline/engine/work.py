"""What every engine shares: outcomes, errors that stop a run, and the function in a worker."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.errors import UserError


class FatalError(UserError):
    """Not one video's fault (weights missing, disk full): stops the whole run."""


@dataclass(frozen=True)
class Outcome:
    """What one piece of work came to: `value` when `error` is None."""

    index: int
    value: Any = None
    error: str | None = None


def first_line(error: BaseException) -> str:
    """`Type: first line of the message`, what a table's error column holds."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def too_long(seconds: float) -> str:
    """Why work that was stopped after that time has no value."""
    return f"took longer than {seconds:g} s (runtime.timeout_s); the worker was killed"


class Worker:
    """In a worker process, between one piece of work and the next: the function, or why none."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]]) -> None:
        self.failure: str | None = None
        try:
            self.function = make()
        except Exception as error:
            self.failure = first_line(error)

    def __call__(self, work: Any) -> tuple[Any, str | None]:
        """The function's value for `work`, or the reason it has none."""
        if self.failure is not None:
            raise FatalError(f"a worker could not be set up: {self.failure}")
        try:
            return self.function(work), None
        except FatalError:
            raise
        except Exception as error:  # any failure of a video is a row in a table, not a crash
            return None, first_line(error)
