"""Files of training runs that were killed: where they lie in a work store, and what may go.

A run that goes on writes its file again every few seconds, and removes it when its result is
saved; so one that has been left alone for long belongs to a run that nobody went on with. Its
removal costs time, no result.
"""

import time
from pathlib import Path

FOLDER = "training"  # beside the folders of pieces


def path_of(store: Path, key: str) -> Path:
    """Where the run of that key keeps how far it has come."""
    return store / FOLDER / f"{key}.pt"


def files(store: Path, *, older_than: float = 0.0) -> list[Path]:
    """The files in `store` that were written longer ago than `older_than` seconds, by name."""
    before = time.time() - older_than
    found = sorted((store / FOLDER).glob("*.pt"))
    return [path for path in found if path.stat().st_mtime <= before]
