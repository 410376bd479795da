"""Files that are either whole or absent."""

import hashlib
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TEMPORARY = re.compile(r"^\.(?P<name>.+)\.(?P<host>[^.]+)-(?P<pid>\d+)\.tmp$")


def _host() -> str:
    return socket.gethostname().replace(".", "_")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it becomes `path` in one step.

    If the body raises, the temporary file is removed and `path` keeps its old
    content. If the process is killed, `sweep` finds the leftover by its name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    short = hashlib.sha256(path.name.encode()).hexdigest()[:16]  # the name itself may be long
    temporary = path.with_name(f".{short}.{_host()}-{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def sweep(folder: Path) -> int:
    """Remove temporary files that dead processes of this host left below `folder`.

    Returns how many were removed. Files of other hosts and of live processes stay,
    so that several machines may write to one folder.
    """
    removed = 0
    for path in folder.rglob(".*.tmp"):
        match = _TEMPORARY.match(path.name)
        if match and match["host"] == _host() and not _alive(int(match["pid"])):
            path.unlink(missing_ok=True)
            removed += 1
    return removed
