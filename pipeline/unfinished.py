"""Files of training runs that were killed: where they lie in a work store, and what may go.

A run that goes on writes its file again every few seconds, and removes it when its result is
saved; so one that has been left alone for long belongs to a run that nobody went on with. Its
removal costs time, no result. What a process was writing when it was killed is of no use at all.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

from pipeline.atomic import abandoned

FOLDER = "training"  # beside the folders of pieces
AT_WORK_S = 60.0  # a run may be about to write again what it wrote so long ago


def path_of(store: Path, key: str) -> Path:
    """Where the run of that key keeps how far it has come."""
    return store / FOLDER / f"{key}.pt"


def files(store: Path, *, older_than: float = 0.0) -> list[tuple[Path, os.stat_result]]:
    """The files in `store` that were written longer ago than `older_than` seconds, by name.

    Half-written files of dead processes, however old, come last. A run that ends meanwhile takes
    its own away: those are passed over.
    """
    before = time.time() - older_than
    written = _there(sorted((store / FOLDER).glob("*.pt")))
    left = _there(sorted(abandoned(store / FOLDER)))
    return [(path, state) for path, state in written if state.st_mtime <= before] + left


def _there(paths: list[Path]) -> list[tuple[Path, os.stat_result]]:
    found = []
    for path in paths:
        with suppress(FileNotFoundError):
            found.append((path, path.stat()))
    return found
