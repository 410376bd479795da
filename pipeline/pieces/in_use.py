"""A lock that keeps pruning away from the pieces of a stage at work.

Any number of runs share it, on any number of machines whose common file system has `flock`
(Linux's local ones and NFS have); pruning needs it alone. It ends with its process,
however that ends. Where the file system knows no locks, the age of a piece protects it alone.
"""

import errno
import fcntl
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME = ".lock"


class InUse:
    """The pieces in `folder` are in use for as long as this object lives."""

    def __init__(self, folder: Path) -> None:
        lock = _open(folder)
        if lock is None:
            return
        weakref.finalize(self, os.close, lock)
        _locked(lock, fcntl.LOCK_SH)


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Whether no run uses the pieces in `folder`; if so, none begins to before the block ends."""
    lock = _open(folder)
    try:
        yield lock is None or _locked(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        if lock is not None:
            os.close(lock)


def _open(folder: Path) -> int | None:
    """The lock file, or None where there can be none; never removed, for a run may wait on it."""
    for flags in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):  # a store that others may only read
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return os.open(folder / _NAME, flags, 0o666)
        except OSError:
            continue
    return None


def _locked(lock: int, how: int) -> bool:
    """Take the lock; False when somebody else has it. True where the file system has no locks."""
    try:
        fcntl.flock(lock, how)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True
