"""Trying a request again, ever later."""

import random
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import tenacity

from pipeline.encoders.captioners.endpoint.server import Failed

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
LONGEST_ASKED_WAIT_S = 300.0  # by the server

T = TypeVar("T")


class Retries:
    """Calls a request's function again, up to `count` times, while `Failed.again`.

    Waits double from `first_wait_s` on, each shortened by up to a half at random, so that requests
    that failed together do not come back together; a server's own word counts where it is
    longer. No further try begins after `until` (of `time.monotonic`), nor once `over` is set, which
    also ends waits; `Failed` is raised then.
    """

    def __init__(self, count: int, first_wait_s: float) -> None:
        self.count, self.first_wait_s = count, first_wait_s
        self.until = float("inf")
        self.over = threading.Event()
        self._told = False
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda e: isinstance(e, Failed) and e.again),
            stop=lambda state: (
                state.attempt_number > count
                or self.over.is_set()
                or time.monotonic() + state.upcoming_sleep > self.until
            ),
            wait=self._wait,
            sleep=self._sleep,
            before_sleep=self._tell,
            reraise=True,
        )

    def __call__(self, function: Callable[[], T]) -> T:
        """What `function` returns in the end; raises what it raises last. Threads may share it."""
        try:
            return self._retrying(function)
        except Failed as failed:
            if failed.again and self._retrying.statistics["attempt_number"] <= self.count:
                failed.suspect = False  # not tried often enough to tell
            raise

    def _wait(self, state: tenacity.RetryCallState) -> float:
        own = min(self.first_wait_s * 2.0 ** (state.attempt_number - 1), LONGEST_WAIT_S)
        asked = min(_failure(state).wait_s, LONGEST_ASKED_WAIT_S)
        return max(asked, own / 2) + random.uniform(0, own / 2)

    def _sleep(self, seconds: float) -> None:
        if self.over.wait(seconds):
            raise Failed("not tried again: all is over")

    def _tell(self, state: tenacity.RetryCallState) -> None:
        """The first time; a server in trouble would fill the screen."""
        if not self._told:
            self._told = True
            print(f"{_failure(state)}; trying again", file=sys.stderr, flush=True)


def _failure(state: tenacity.RetryCallState) -> Failed:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, Failed)  # nothing else is tried again
    return error
