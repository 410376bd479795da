"""Files that are either whole or absent."""

import errno
import hashlib
import os
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from pipeline.errors import UserError

_TEMPORARY = re.compile(r"^\.(?P<name>.+)\.(?P<host>[^.]+?)-(?P<pid>\d+)(-[0-9a-f]+)?\.tmp$")

WAYS_OUT = {
    errno.ENOSPC: "the disk is full; make room",
    errno.EDQUOT: "your quota is used up; make room or have it raised",
    errno.EFBIG: "it is larger than the file system or your limits allow; choose another place",
    errno.EROFS: "the file system is read-only; mount it writable or choose another place",
    errno.EACCES: "there is no permission to write there; give it or choose another place",
    errno.EPERM: "it is not permitted to write there; permit it or choose another place",
    errno.ENOTDIR: "a file is where a folder should be; move it away or choose another place",
    errno.EEXIST: "a file is where a folder should be; move it away or choose another place",
    errno.EISDIR: "a folder is where the file should be; move it away",
    errno.ENAMETOOLONG: "the name is too long; shorten it",
    errno.EIO: "the disk reports a fault; check it or choose another place",
}


class UnwritableError(UserError):
    """A file cannot be written: no room, no permission, something in the way."""

    @classmethod
    def of(cls, path: Path, error: OSError) -> "UnwritableError":
        """Names the file, the reason and the way out."""
        way_out = WAYS_OUT.get(error.errno or 0, "see the reason")
        return cls(
            f"{path} cannot be written ({error.strerror or error}): {way_out}, then run again; "
            "nothing computed is lost"
        )


def _is_about(error: OSError, path: Path, temporary: Path) -> bool:
    """Whether an error in the body of `atomic_path` is about the file that is being written."""
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if name is not None]
    if not names:  # Arrow's errors name no file
        return error.errno in WAYS_OUT
    own = {str(temporary), str(path), *map(str, path.parents)}
    return not own.isdisjoint(names)


@cache
def _host() -> str:
    """This host, and the process numbers' namespace: a container's own 7 is not the host's 7."""
    namespace = Path("/proc/self/ns/pid")
    number = f"_{namespace.stat().st_ino}" if namespace.exists() else ""
    return socket.gethostname().replace(".", "_") + number


@contextmanager
def atomic_path(path: Path, *, flush: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it becomes `path` in one step.

    If the body raises, the temporary file is removed and `path` keeps its old content. If the
    process is killed, `sweep` finds the leftover by its name. Any number of processes and threads
    may write one path: the last wins whole. Raises `UnwritableError` where there is no room,
    no permission, or something in the way.

    The file's bytes are on the disk before it gets its name; the name itself may be lost with
    the power. Then the file is absent, as after a kill, and is made again: cheaper
    than waiting for the disk once more for every file. Without `flush`, the body sees to the bytes.
    """
    short = hashlib.sha256(path.name.encode()).hexdigest()[:16]  # the name itself may be long
    unique = f"{os.getpid()}-{secrets.token_hex(4)}"
    temporary = path.with_name(f".{short}.{_host()}-{unique}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if flush:
            flush_to_disk(temporary)
        temporary.replace(path)
    except OSError as error:
        if _is_about(error, path, temporary):
            raise UnwritableError.of(path, error) from error
        raise
    finally:
        _remove(temporary)


def flush_to_disk(path: Path) -> None:
    """Wait until the file's bytes are on the disk; a network's tells only now that it is full."""
    with path.open("rb") as written:
        os.fsync(written.fileno())


def _remove(temporary: Path) -> None:
    """Remove a temporary file if it is there and may be removed; what led here says more."""
    with suppress(OSError):
        temporary.unlink()


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _alive(pid: int) -> bool:
    """Whether the process runs: one that has ended and waits to be taken note of does not."""
    try:
        os.kill(pid, 0)
        return _state(pid) not in ("Z", "X")
    except ProcessLookupError:
        return False
    except PermissionError:
        return True


def _state(pid: int) -> str | None:
    """The letter by which Linux names a process's state; None where there is no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[0]


def temporaries(folder: Path, *, below: bool = True) -> Iterator[Path]:
    """The temporary files in `folder`, and `below` it, of whatever process."""
    for root, folders, names in os.walk(folder):
        yield from (Path(root, name) for name in names if _TEMPORARY.match(name))
        if not below:
            folders.clear()


def abandoned(folder: Path, *, below: bool = True) -> Iterator[Path]:
    """Temporary files that dead processes of this host left in `folder`, and `below` it.

    None of other hosts and of live processes, so that several machines may write to one folder.
    """
    for path in temporaries(folder, below=below):
        match = _TEMPORARY.match(path.name)
        if match and match["host"] == _host() and not _alive(int(match["pid"])):
            yield path


def sweep(folder: Path, *, below: bool = True) -> int:
    """Remove what `abandoned` finds; returns how many files these were."""
    removed = 0
    for path in abandoned(folder, below=below):
        _remove(path)
        removed += 1
    return removed
