"""pebble's pool of processes, with the right work blamed for a worker's death, and none lost."""

import contextlib
import threading
import time
from collections.abc import Collection
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from pebble import ProcessPool
from pebble.pool.process import PoolManager

PATIENCE_S = 15.0  # that ready workers may leave work lying; they need milliseconds


def ready_mark(folder: Path, pid: int) -> Path:
    """The file of `folder` by which the worker `pid` says that it has been set up."""
    return folder / f"{pid}.ready"


class _Manager(PoolManager):
    """Reads all that workers said before it looks whose work a dead one had.

    In pebble 5.2 these are two threads: when a worker finishes a video and dies of the next one
    before its first message is read, the first video is blamed, and the second hangs until its time
    is over, its worker long dead.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._reading = threading.Lock()

    def process_next_message(self, timeout: float) -> None:
        with contextlib.suppress(OSError):  # closed: the next line says so
            self._unread(timeout)
        with self._reading:
            super().process_next_message(0)

    def _unread(self, timeout: float) -> bool:
        channel: Any = self.worker_manager.pool_channel
        return bool(channel.poll(timeout))

    def handle_worker_expiration(self, expiration: tuple[int, int]) -> None:
        while True:
            with self._reading:
                if not self._unread(0):
                    super().handle_worker_expiration(expiration)
                    return
            time.sleep(0.01)


class Pool(ProcessPool):
    """As `pebble.ProcessPool`; its workers leave a `ready_mark` in the folder `marks`."""

    def __init__(self, *, context: Any, marks: Path, **arguments: Any) -> None:
        super().__init__(context=context, **arguments)
        self._pool_manager = _Manager(self._context, context)
        self._marks = marks
        self._idle_since: float | None = None

    def works(self) -> None:
        """To be told of every result."""
        self._idle_since = None

    def forgets(self, waiting: Collection[Future[Any]]) -> bool:
        """Whether the work that is `waiting` will not be done; to be asked when none has come.

        It lies in the queue of a pool that broke as it came. Or a worker was killed between taking
        work and saying so, or while it held the lock of the others: all are ready and none works.
        """
        if not self.active:
            return True
        workers = list(self._pool_manager.worker_manager.workers)
        idle = not any(future.running() for future in waiting) and all(
            ready_mark(self._marks, pid).exists() for pid in workers
        )
        if not idle:
            self._idle_since = None
            return False
        self._idle_since = self._idle_since or time.monotonic()
        return time.monotonic() - self._idle_since > PATIENCE_S
