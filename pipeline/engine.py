"""Run one function over many videos in killable worker processes of this machine.

Each worker builds its function once (loading a model, say) and then takes one video
after another. A video that raises, hangs past its time limit or kills its worker becomes an
`Outcome` with an error; the others go on.
"""

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from pebble import ProcessExpired, ProcessPool
from tqdm import tqdm

from pipeline.config import Runtime
from pipeline.errors import UserError

IN_FLIGHT_PER_WORKER = 4
PR_SET_PDEATHSIG = 1  # of linux/prctl.h


class FatalError(UserError):
    """Not one video's fault (weights missing, disk full): stops the whole run."""


@dataclass(frozen=True)
class Outcome:
    """What one item came to: `value` when `error` is None."""

    index: int
    value: Any = None
    error: str | None = None


def worker_count(runtime: Runtime) -> int:
    """Processes to use: `runtime.workers`, or one for each CPU this process may use."""
    if runtime.workers is not None:
        return runtime.workers
    return len(os.sched_getaffinity(0))


def first_line(error: BaseException) -> str:
    """`Type: first line of the message`, what a table's error column holds."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def run(
    make: Callable[[], Callable[[Any], Any]],
    items: Sequence[Any],
    runtime: Runtime,
    *,
    label: str,
    workers: int | None = None,
) -> Iterator[Outcome]:
    """Yield an `Outcome` for every item, in order of completion.

    `make` is pickled, called once in each worker, and returns the function that is called
    with one item. Raises `FatalError` when a worker cannot be set up or says so.
    """
    if not items:
        return
    count = min(workers or worker_count(runtime), len(items))
    pool = ProcessPool(
        max_workers=count,
        max_tasks=runtime.recycle_after,
        initializer=_set_up,
        initargs=(make,),
        context=multiprocessing.get_context("spawn"),
    )
    with pool, tqdm(total=len(items), desc=label, unit="video", disable=None) as bar:
        try:
            for outcome in _outcomes(pool, items, count, runtime.timeout_s):
                bar.update()
                yield outcome
        except BrokenProcessPool:
            raise FatalError(
                f"{label}: worker processes died while being set up (out of memory?); "
                "try fewer runtime.workers, then run again: nothing computed is lost"
            ) from None
        except BaseException:
            pool.stop()  # type: ignore[no-untyped-call]
            raise


def _outcomes(
    pool: ProcessPool, items: Sequence[Any], workers: int, timeout_s: float
) -> Iterator[Outcome]:
    waiting: dict[Any, int] = {}
    todo = iter(enumerate(items))
    while True:
        while len(waiting) < workers * IN_FLIGHT_PER_WORKER and (entry := next(todo, None)):
            index, item = entry
            waiting[pool.schedule(_call, args=(item,), timeout=timeout_s)] = index
        if not waiting:
            return
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            yield _outcome(future, waiting.pop(future), timeout_s)


def _outcome(future: Any, index: int, timeout_s: float) -> Outcome:
    try:
        value, error = future.result()
    except TimeoutError:
        error = f"took longer than {timeout_s:g} s (runtime.timeout_s); the worker was killed"
        return Outcome(index, error=error)
    except ProcessExpired as expired:
        return Outcome(index, error=f"the worker process died (exit code {expired.exitcode})")
    return Outcome(index, value, error)


# What a worker process remembers between videos: its function, or why it has none.
_worker: dict[str, Any] = {}


def _set_up(make: Callable[[], Callable[[Any], Any]]) -> None:
    """In a new worker, before any video's time runs: build the function.

    Also asks Linux to end this process with its parent. Without that, a run that is killed
    outright would leave workers behind with nobody to end a video that hangs.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        _worker["function"] = make()
    except Exception as error:
        _worker["failure"] = first_line(error)


def _call(item: Any) -> tuple[Any, str | None]:
    """In a worker: the function's value for `item`, or the reason it has none."""
    if "failure" in _worker:
        raise FatalError(f"a worker could not be set up: {_worker['failure']}")
    try:
        return _worker["function"](item), None
    except FatalError:
        raise
    except Exception as error:  # any failure of a video is a row in a table, not a crash
        return None, first_line(error)
