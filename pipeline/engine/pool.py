"""pebble's pool of processes, with the right work blamed for a worker's death."""

import contextlib
import threading
import time
from typing import Any

from pebble import ProcessPool
from pebble.pool.process import PoolManager


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
    """As `pebble.ProcessPool`."""

    def __init__(self, *, context: Any, **arguments: Any) -> None:
        super().__init__(context=context, **arguments)
        self._pool_manager = _Manager(self._context, context)
