"""What identifies content: digests of files, versions of libraries."""

import errno
import hashlib
import importlib.metadata
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Hex digest of the file's bytes; an `OSError` for a pipe, say, which might never end."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "this is no regular file", str(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def installed(*packages: str) -> dict[str, str]:
    """The installed version of each package."""
    return {name: importlib.metadata.version(name) for name in packages}
