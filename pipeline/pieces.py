"""The work store: one piece a video and stage, found again by what it was made from.

A piece is a small Parquet table (or a table of JPEGs) computed from one video. Its
key is a digest of the stage's name and code version, of the settings that shape it, and of
its source (the video's SHA-256, or the key of the piece it was made from). So an
interrupted stage resumes, an added video computes one video, a reverted parameter
computes nothing, and two videos of equal content share a piece.
"""

import errno
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import engine, tables
from pipeline.atomic import atomic_path, sweep
from pipeline.config import Runtime
from pipeline.errors import UserError

# Another file system, one without hard links, or too many links to one file.
NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK)


@dataclass(frozen=True)
class Recipe:
    """How a stage makes its pieces: everything but the source that can change one.

    `version` is raised by hand whenever the stage's code changes what it computes.
    """

    stage: str
    version: int
    settings: Mapping[str, Any]

    def key(self, source: str) -> str:
        """Hex digest (64 characters) of this recipe applied to `source`."""
        parts = [self.stage, self.version, dict(self.settings), source]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Store:
    """The pieces of one stage below `root`, as `<root>/<stage>/<2 hex digits>/<key>.parquet`."""

    root: Path
    stage: str
    schema: pa.Schema

    def path(self, key: str) -> Path:
        """Where the piece of that key lies, or would lie."""
        return self.root / self.stage / key[:2] / f"{key}.parquet"

    def save(self, key: str, piece: pa.Table) -> None:
        """Write a piece atomically; raises `UserError` when it breaks the schema."""
        tables.write(piece, self.path(key), self.schema, {"key": key})

    def load(self, key: str) -> pa.Table:
        """Read a piece; a `UserError` when it is absent, damaged, or of another key or schema."""
        path = self.path(key)
        piece = tables.read(path, self.schema)
        if key_of(path) != key:
            raise UserError(f"{path} holds the piece of another key")
        return piece

    def holds(self, key: str) -> bool:
        """Whether a whole, readable piece is there; a damaged one is removed with a warning."""
        if not self.path(key).exists():
            return False
        try:
            self.load(key)
        except UserError as error:
            print(f"recomputing a damaged piece: {error}", file=sys.stderr)
            self.path(key).unlink(missing_ok=True)
            return False
        return True


@dataclass(frozen=True)
class Job:
    """One video's piece to make: `source` is what the stage's function is called with."""

    video_id: str
    key: str
    source: Any


@dataclass
class Computed:
    """What became of the jobs: pieces in job order, and failures by video id."""

    done: list[Job] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    n_reused: int = 0

    def summary(self) -> str:
        """One line: how many pieces were computed, reused and left out."""
        computed = len(self.done) - self.n_reused
        return f"{computed} computed, {self.n_reused} reused, {len(self.failed)} left out"


def compute(
    jobs: Sequence[Job],
    make: Callable[[], Callable[[Any], pa.Table]],
    store: Store,
    runtime: Runtime,
    *,
    workers: int | None = None,
) -> Computed:
    """Make the pieces that `store` lacks, each in a worker process, and say what became of all.

    `make` builds the function from a job's source to its piece (see `engine.run`). Jobs of one
    key are computed once. Raises `UserError` when more than `runtime.max_failed_share` of the
    jobs fail; pieces already made stay in the store.
    """
    sweep(store.root / store.stage)
    held = {key for key in {job.key for job in jobs} if store.holds(key)}
    missing = list({job.key: job for job in jobs if job.key not in held}.values())
    failed: dict[str, str] = {}
    save = partial(_Saving, make, store)
    for outcome in engine.run(save, missing, runtime, label=store.stage, workers=workers):
        if outcome.error is not None:
            failed[missing[outcome.index].key] = outcome.error
    sweep(store.root / store.stage)
    computed = Computed(
        done=[job for job in jobs if job.key not in failed],
        failed={job.video_id: failed[job.key] for job in jobs if job.key in failed},
        n_reused=sum(job.key in held for job in jobs),
    )
    check_failures(computed.failed, len(jobs), store.stage, runtime.max_failed_share)
    return computed


class _Saving:
    """In a worker: call the stage's function and save what it returns as a piece."""

    def __init__(self, make: Callable[[], Callable[[Any], pa.Table]], store: Store) -> None:
        self.function = make()
        self.store = store

    def __call__(self, job: Job) -> None:
        piece = self.function(job.source)
        try:
            self.store.save(job.key, piece)
        except OSError as error:
            raise engine.FatalError(
                f"cannot write to the work store {self.store.root}: {error}; "
                "make room or change runtime.store, then run again: nothing computed is lost"
            ) from error


def check_failures(failed: Mapping[str, str], n_videos: int, stage: str, max_share: float) -> None:
    """Raise `UserError` with the first reasons when more than `max_share` of the videos failed."""
    if len(failed) <= max_share * n_videos:
        return
    reasons = [f"  {video}: {reason}" for video, reason in list(failed.items())[:10]]
    raise UserError(
        f"{stage}: {len(failed)} of {n_videos} videos failed, more than "
        f"runtime.max_failed_share = {max_share:g} allows. The first reasons:\n"
        + "\n".join(reasons)
        + "\nMend or remove these videos, or raise the share; nothing computed is lost."
    )


def assemble(jobs: Iterable[Job], store: Store, out: Path) -> int:
    """Join pieces into one table with `video_id` and `key`, in job order; return its rows.

    The bytes depend on the pieces and their order alone.
    """
    schema = tables.with_video(store.schema)
    return tables.write_stream((_labelled(job, store) for job in jobs), out, schema)


def _labelled(job: Job, store: Store) -> pa.Table:
    piece = store.load(job.key).replace_schema_metadata(None)
    labels = pa.array([job.video_id] * piece.num_rows), pa.array([job.key] * piece.num_rows)
    with_id = piece.add_column(0, "video_id", labels[0])
    return with_id.append_column("key", labels[1])


def link_each(jobs: Iterable[Job], store: Store, folder: Path) -> None:
    """Put each piece at `<folder>/<video_id>.parquet` by hard link, or by copy across disks."""
    folder.mkdir(parents=True, exist_ok=True)
    for job in jobs:
        with atomic_path(folder / f"{job.video_id}.parquet") as temporary:
            temporary.unlink(missing_ok=True)  # never write through a link into the store
            try:
                os.link(store.path(job.key), temporary)
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                shutil.copyfile(store.path(job.key), temporary)


def key_of(path: Path) -> str:
    """The key of the piece that a file is a link or copy of."""
    return str(tables.metadata(path)["key"])
