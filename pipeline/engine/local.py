"""Worker processes of this machine: one a CPU, or one a GPU."""

import multiprocessing
import os
import pickle
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

from pebble import ProcessExpired

from pipeline.config import Runtime
from pipeline.engine.local_worker import call, set_up
from pipeline.engine.pool import Pool
from pipeline.engine.stopping import on_sigterm
from pipeline.engine.work import Backlog, FatalError, Outcome, died_in_set_up

IN_FLIGHT_PER_WORKER = 4
LOOK_S = 1.0  # how often a pool that gives no answer is asked whether it still works
SET_UPS = 3  # pools in a row that may break before any work is done


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
    limits: Sequence[float],
    workers: int | None,
    gpus: Sequence[str],
    label: str,
) -> Iterator[Outcome]:
    """See `pipeline.engine.run`; `limits` are the seconds that each element of `work` may take.

    `gpus`, as `CUDA_VISIBLE_DEVICES` names them, get a worker each.

    Workers on GPUs live as long as the run: recycling is for decoders that leak, and loading a
    model again costs more than it gains.
    """
    most = min(workers or len(gpus), len(gpus)) if gpus else workers or worker_count(runtime)
    count = min(most, len(work))
    backlog = Backlog(limits)
    with tempfile.TemporaryDirectory(prefix="workers-") as slots, on_sigterm(label):
        new_pool = partial(
            Pool,
            max_workers=count,
            max_tasks=0 if gpus else runtime.recycle_after,
            initializer=set_up,
            initargs=(pickle.dumps(make), os.getpid(), Path(slots), gpus),
            context=multiprocessing.get_context("spawn"),
            marks=Path(slots),
        )
        broken = 0
        while len(backlog):
            try:
                for outcome in _of_pool(new_pool, count, work, backlog):
                    broken = 0
                    yield outcome
            except BrokenProcessPool:
                broken += 1
                if broken == SET_UPS:
                    raise FatalError(died_in_set_up(label)) from None


def _of_pool(
    new_pool: Callable[[], Any], count: int, work: Sequence[Any], backlog: Backlog
) -> Iterator[Outcome]:
    """Outcomes of a pool, until the backlog is empty or the pool breaks, which gives work back."""
    waiting: dict[Any, int] = {}
    with new_pool() as pool:
        try:
            while waiting or len(backlog):
                while len(backlog) and len(waiting) < count * IN_FLIGHT_PER_WORKER:
                    index = backlog.take()
                    waiting[_schedule(pool, work, index, backlog)] = index
                done = wait(waiting, timeout=LOOK_S, return_when=FIRST_COMPLETED).done
                if done:
                    pool.works()
                elif pool.forgets(waiting):
                    raise BrokenProcessPool
                lost = {f for f in done if isinstance(f.exception(), BrokenProcessPool)}
                for future in done - lost:
                    outcome = _outcome(future, waiting.pop(future), backlog)
                    if outcome is not None:
                        yield outcome
                if lost:
                    raise BrokenProcessPool
        except BaseException:
            backlog.give_back(waiting.values())
            _stop_now(pool)
            raise


def _schedule(pool: Any, work: Sequence[Any], index: int, backlog: Backlog) -> Any:
    try:
        return pool.schedule(call, args=(work[index],), timeout=backlog.limits[index])
    except RuntimeError as error:  # so pebble says that the pool broke since
        backlog.give_back([index])
        raise BrokenProcessPool from error


def _outcome(future: Any, index: int, backlog: Backlog) -> Outcome | None:
    """What work came to; None when it is to be tried again."""
    try:
        value, error = future.result()
    except TimeoutError:
        return backlog.too_long(index)
    except ProcessExpired as expired:
        return backlog.worker_died(index, how_it_died(expired.exitcode))
    return Outcome(index, value, error)


def how_it_died(exitcode: int) -> str:
    """In words, from the exit code of a process that died."""
    if exitcode >= 0:
        return f"exit code {exitcode}"
    killed = -exitcode == signal.SIGKILL
    return f"{signal.strsignal(-exitcode)}{'; out of memory?' if killed else ''}"


def _stop_now(pool: Any) -> None:
    """End all workers at once, where pebble would wait seconds for each that is stuck in C code."""
    pool.stop()
    for process in multiprocessing.active_children():
        if process.name == "pebble_pool_worker":
            process.kill()
