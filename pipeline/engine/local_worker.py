"""In a worker process of this machine."""

import contextlib
import ctypes
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from pipeline.engine import gpus
from pipeline.engine.pool import ready_mark
from pipeline.engine.work import Worker, load

PR_SET_PDEATHSIG = 1  # of linux/prctl.h
FIRST_TO_GO = "500"  # of 1000: how much sooner than others the kernel kills when memory is short

_workers: list[Worker] = []  # of this process: one
_claims: list[IO[bytes]] = []  # its GPU, as long as it lives


def set_up(make: bytes, parent: int, slots: Path, gpu_names: Sequence[str]) -> None:
    """In a new worker, before any video's time runs: build the function, on a GPU of its own."""
    end_with(parent)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    _workers.append(Worker(partial(_build, make, slots, gpu_names)))
    ready_mark(slots, os.getpid()).touch()


def _build(make: bytes, slots: Path, gpu_names: Sequence[str]) -> Callable[[Any], Any]:
    if gpu_names:
        _claims.append(gpus.claim(slots, gpu_names))
    return load(make)


def end_with(parent: int) -> None:
    """Ask Linux to end this process when `parent` ends, even killed outright.

    Else a run that is killed would leave workers behind with nobody to end a video that hangs.
    Linux sends the signal when the *thread* ends that started the process. Here that is the thread
    of the run, or pebble's that replaces workers, which ends with the pool.
    """
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)


def call(work: Any) -> tuple[Any, str | None]:
    """The worker's value for `work`, or the reason it has none."""
    return _workers[0](work)
