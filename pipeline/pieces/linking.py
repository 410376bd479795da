"""A file that lies in two places: by hard link, or by copy where there can be none."""

import errno
import os
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from pipeline import tables
from pipeline.atomic import atomic_path, flush_to_disk
from pipeline.errors import UserError

# Another file system, one without hard links, or too many links to one file.
NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK)
LONGEST_NAME = 255  # bytes, on every common file system


def place(source: Path, path: Path) -> None:
    """Make `path` the same file as `source`, in one step, or a copy where it cannot be.

    Raises `atomic.UnwritableError`, or a `UserError` when `source` is gone or not to be read.
    """
    try:
        with atomic_path(path, flush=False) as temporary:  # a link's bytes are on the disk
            try:
                os.link(source, temporary)
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                shutil.copyfile(source, temporary)
                flush_to_disk(temporary)
    except OSError as error:
        raise _unreadable(source, error) from error
    except UserError as error:
        if not source.exists():  # a link's error names both ends
            raise _unreadable(source, FileNotFoundError()) from error
        raise


def _unreadable(source: Path, error: OSError) -> UserError:
    if isinstance(error, FileNotFoundError):
        return UserError(f"{source} is gone; run again: it is made again")
    return tables.UnreadableError(
        f"{source} cannot be read ({error.strerror}); permit reading it or check the disk, then "
        "run again; or remove it, and it is made again"
    )


def check_file_names(video_ids: Iterable[str]) -> None:
    """Raise `UserError` for the ids that cannot be the file `<video id>.parquet` in a folder."""
    unfit = [(name, why) for name in video_ids if (why := _unfit(name))]
    if unfit:
        first = "\n".join(f"  {name!r}: {why}" for name, why in unfit[:10])
        raise UserError(
            f"{len(unfit)} video ids cannot be the names of files. The first:\n{first}\n"
            "Rename these videos, in the dataset's lists too, then run again"
        )


def _unfit(video_id: str) -> str | None:
    parts = f"{video_id}.parquet".split("/")
    longest = max(len(os.fsencode(part)) for part in parts)
    if longest > LONGEST_NAME:
        return f"{longest} bytes with '.parquet', a file's name has at most {LONGEST_NAME}"
    if "\0" in video_id or PurePosixPath(video_id).is_absolute() or {"", ".", ".."} & {*parts}:
        return "not a path inside a folder"
    return "begins with a dot, as hidden files do" if parts[-1].startswith(".") else None
