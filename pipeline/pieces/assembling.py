"""From pieces to a stage's output: one table, or one file a video."""

import errno
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from pipeline import tables
from pipeline.atomic import atomic_path
from pipeline.pieces.computing import Job
from pipeline.pieces.store import Store

# Another file system, one without hard links, or too many links to one file.
NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK)


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
