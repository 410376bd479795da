"""What a work store holds, and the removal of what nobody uses."""

import os
import re
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.atomic import sweep, temporaries
from pipeline.errors import UserError
from pipeline.pieces.in_use import alone

_FOLDER = re.compile(r"[0-9a-f]{2}")
_PIECE = re.compile(r"(?P<key>[0-9a-f]{64})\.parquet")
FOREIGN_S = 86400.0  # another machine's temporary file may be in the making for this long


@dataclass(frozen=True)
class Contents:
    """The pieces of one stage: how many, their bytes, when the oldest and newest were written.

    Times are POSIX seconds, None where there is no piece.
    """

    n_pieces: int = 0
    n_bytes: int = 0
    oldest: float | None = None
    newest: float | None = None


@dataclass
class Pruned:
    """What was removed, or would be; stages that a run uses at this moment were passed over.

    `n_bytes` are the sizes of the pieces; one that is linked elsewhere too frees nothing yet.
    """

    n_pieces: int = 0
    n_bytes: int = 0
    n_temporary: int = 0
    in_use: list[str] = field(default_factory=list)


def contents(root: Path) -> dict[str, Contents]:
    """What the store below `root` holds, by stage."""
    found = {}
    for stage in _stages(root):
        states = [state for _, _, state in _pieces(root / stage)]
        times = [state.st_mtime for state in states]
        size = sum(state.st_size for state in states)
        found[stage] = Contents(
            len(states), size, min(times, default=None), max(times, default=None)
        )
    return found


def prune(
    root: Path,
    keep: Collection[str],
    *,
    older_than: float,
    stage: str | None = None,
    dry_run: bool = False,
) -> Pruned:
    """Remove the pieces whose key is not in `keep` and that are older than `older_than` seconds.

    A younger piece may belong to a run that has just made it; a stage that a run is computing
    or assembling now is passed over whole. Also removes what dead processes left half-written,
    and empty folders; touches nothing else. Raises `UserError` when the store has no such `stage`.
    """
    stages = _stages(root)
    if stage is not None and stage not in stages:
        known = ", ".join(stages) or "none"
        raise UserError(f"{root} holds no pieces of a stage '{stage}' (it has: {known})")
    pruned, before = Pruned(), time.time() - older_than
    for name in stages if stage is None else [stage]:
        with alone(root / name) as free:
            if free:
                _prune_stage(root / name, keep, before, dry_run, pruned)
            else:
                pruned.in_use.append(name)
    return pruned


def _prune_stage(
    folder: Path, keep: Collection[str], before: float, dry_run: bool, pruned: Pruned
) -> None:
    for path, key, state in _pieces(folder):
        if key in keep or state.st_mtime >= before:
            continue
        if not dry_run:
            path.unlink(missing_ok=True)
        pruned.n_pieces += 1
        pruned.n_bytes += state.st_size
    if dry_run:
        return
    pruned.n_temporary += sweep(folder)
    for path in temporaries(folder):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < min(before, time.time() - FOREIGN_S):
                path.unlink()
                pruned.n_temporary += 1
    for path in _folders(folder):
        with suppress(OSError):  # not empty
            path.rmdir()


def _stages(root: Path) -> list[str]:
    """Folders in `root` that hold what only a store has; `root` may be any folder, or none."""
    if not root.is_dir():
        return []
    return sorted(path.name for path in root.iterdir() if path.is_dir() and any(_folders(path)))


def _folders(stage: Path) -> Iterator[Path]:
    for path in stage.iterdir():
        if _FOLDER.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            yield path


def _pieces(stage: Path) -> Iterator[tuple[Path, str, os.stat_result]]:
    """Path, key and state of each piece; of nothing that merely lies among them."""
    for folder in _folders(stage):
        with os.scandir(folder) as entries:
            for entry in entries:
                match = _PIECE.fullmatch(entry.name)
                if not match or match["key"][:2] != folder.name:
                    continue
                with suppress(FileNotFoundError):  # a run's own business
                    if entry.is_file(follow_symlinks=False):
                        yield Path(entry.path), match["key"], entry.stat(follow_symlinks=False)
