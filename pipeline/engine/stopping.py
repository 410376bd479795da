"""SIGTERM, as a cluster's scheduler sends it before it kills: end in order, and say so."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STATUS = 128 + signal.SIGTERM  # what a shell reports for a program that ended by that signal


@contextmanager
def on_sigterm(label: str) -> Iterator[None]:
    """Within the body, SIGTERM raises `SystemExit` with `STATUS`, after a line on stderr.

    Python delivers signals to its main thread: in another one nothing changes.
    """

    stopped = False

    def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
        nonlocal stopped
        stopped = True
        # Not print: the signal may have come in the middle of one.
        os.write(2, f"\n{label}: stopped by SIGTERM; run again to go on from here\n".encode())
        raise SystemExit(STATUS)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except BaseException:
        if stopped:  # libraries in between make other exceptions of it (Ray: exit status 1)
            raise SystemExit(STATUS) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
