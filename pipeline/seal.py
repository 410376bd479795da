"""A table file that can prove it is the one that was written, to the last byte.

Parquet's page checksums cover the pages alone: a flipped bit in a page's header or in the footer is
not always noticed, and now and then yields other values. So our files carry in their footer the
SHA-256 of all their bytes, taken with zeros where it stands itself. It travels with a copy, a
hard link or a cache, and is checked before any of the file is parsed.
"""

import hashlib
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import UserError

KEY = "sha256_of_file"
ZEROS = "0" * 64  # what the writer puts there, for `seal` to replace
# In the footer: the key, the mark of a string field, its length (64), and the digits.
_MARK = KEY.encode() + b"\x18\x40"
_TAIL = 1 << 16  # the key stands after all row groups, so this close to the end
_CHUNK = 1 << 20


class DamagedError(UserError):
    """A file is not whole, or not what was written."""


def seal(path: Path) -> None:
    """Put the digest in its place in a file that was written with `{KEY: ZEROS}` in its footer."""
    with path.open("r+b") as file:
        head, tail, at = _parts(file)
        if at is None or tail[at : at + 64] != ZEROS.encode():
            raise ValueError(f"{path} was not written with room for its digest")
        digest = _digest(file, head, tail, at)
        file.seek(head + at)
        file.write(digest.encode())


def verify(path: Path, *, required: bool) -> None:
    """Raise `DamagedError` when a byte has changed, or a `required` digest is not there.

    Reads the whole file, `_CHUNK` bytes at a time, mostly without the interpreter lock.
    """
    with path.open("rb") as file:
        head, tail, at = _parts(file)
        if at is not None:
            if _digest(file, head, tail, at).encode() != tail[at : at + 64]:
                raise DamagedError(
                    f"{path} is damaged: its bytes do not match its own digest; "
                    "remove it and `dvc repro`"
                )
        elif required:
            raise DamagedError(f"{path} is cut short, or was written without a digest")


def _parts(file: BinaryIO) -> tuple[int, bytes, int | None]:
    """Bytes before the tail, the tail, and where in it the digest stands (None: nowhere)."""
    size = file.seek(0, 2)
    head = max(0, size - _TAIL)
    file.seek(head)
    tail = file.read()
    found = tail.rfind(_MARK)
    at = found + len(_MARK)
    return head, tail, at if found >= 0 and at + 64 <= len(tail) else None


def _digest(file: BinaryIO, head: int, tail: bytes, at: int) -> str:
    digest, left = hashlib.sha256(), head
    file.seek(0)
    while left and (chunk := file.read(min(_CHUNK, left))):
        digest.update(chunk)
        left -= len(chunk)
    digest.update(tail[:at])
    digest.update(ZEROS.encode())
    digest.update(tail[at + 64 :])
    return digest.hexdigest()
