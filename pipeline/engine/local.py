"""Worker processes of this machine."""

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from pebble import ProcessExpired, ProcessPool

from pipeline.config import Runtime
from pipeline.engine.work import FatalError, Outcome, Worker, too_long

IN_FLIGHT_PER_WORKER = 4
PR_SET_PDEATHSIG = 1  # of linux/prctl.h


def worker_count(runtime: Runtime) -> int:
    """Processes to use: `runtime.workers`, or one for each CPU this process may use."""
    if runtime.workers is not None:
        return runtime.workers
    return len(os.sched_getaffinity(0))


def outcomes(
    make: Callable[[], Callable[[Any], Any]],
    work: Sequence[Any],
    runtime: Runtime,
    *,
    size: Callable[[Any], int],
    workers: int | None,
    gpu: bool,
    label: str,
) -> Iterator[Outcome]:
    """See `pipeline.engine.run`."""
    count = min(workers or worker_count(runtime), len(work))
    pool = ProcessPool(
        max_workers=count,
        max_tasks=runtime.recycle_after,
        initializer=_set_up,
        initargs=(make,),
        context=multiprocessing.get_context("spawn"),
    )
    with pool:
        try:
            yield from _outcomes(pool, work, count, lambda part: runtime.timeout_s * size(part))
        except BrokenProcessPool:
            raise FatalError(
                f"{label}: worker processes died while being set up (out of memory?); "
                "try fewer runtime.workers, then run again: nothing computed is lost"
            ) from None
        except BaseException:
            pool.stop()  # type: ignore[no-untyped-call]
            raise


def _outcomes(
    pool: ProcessPool, work: Sequence[Any], workers: int, limit: Callable[[Any], float]
) -> Iterator[Outcome]:
    waiting: dict[Any, int] = {}
    todo = iter(enumerate(work))
    while True:
        while len(waiting) < workers * IN_FLIGHT_PER_WORKER and (entry := next(todo, None)):
            index, part = entry
            waiting[pool.schedule(_call, args=(part,), timeout=limit(part))] = index
        if not waiting:
            return
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            index = waiting.pop(future)
            yield _outcome(future, index, limit(work[index]))


def _outcome(future: Any, index: int, limit: float) -> Outcome:
    try:
        value, error = future.result()
    except TimeoutError:
        return Outcome(index, error=too_long(limit))
    except ProcessExpired as expired:
        return Outcome(index, error=f"the worker process died (exit code {expired.exitcode})")
    return Outcome(index, value, error)


_workers: list[Worker] = []  # of this process, when it is a worker: one


def _set_up(make: Callable[[], Callable[[Any], Any]]) -> None:
    """In a new worker, before any video's time runs: build the function.

    Also asks Linux to end this process with its parent. Without that, a run that is killed
    outright would leave workers behind with nobody to end a video that hangs.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _workers.append(Worker(make))


def _call(work: Any) -> tuple[Any, str | None]:
    return _workers[0](work)
