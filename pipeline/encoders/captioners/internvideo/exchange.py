"""A folder for files between two processes, which does not outlive them for long."""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path


class Exchange:
    """A temporary folder for this process and one that it starts.

    `remove` it at the end. Those of processes that were killed go when the next one is made on this
    machine: a live owner holds a lock, which the kernel lifts however the owner ends.
    """

    def __init__(self, prefix: str) -> None:
        _sweep(prefix)
        self.folder = Path(tempfile.mkdtemp(prefix=prefix))
        # Locked before it has its name: a folder with a lock that is free has no owner any more.
        unnamed = self.folder / "unnamed"
        self._lock = unnamed.open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unnamed.rename(self.folder / "lock")

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()


def _sweep(prefix: str) -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError):  # in use, gone since, or not ours
            if folder.lstat().st_uid != os.getuid():
                continue
            with (folder / "lock").open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
