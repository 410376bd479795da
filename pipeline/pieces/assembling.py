"""From pieces to a stage's output: one table, or one file a video."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import tables
from pipeline.atomic import UnwritableError, sweep
from pipeline.pieces.computing import Job
from pipeline.pieces.linking import check_file_names, place
from pipeline.pieces.store import Store


def assemble(
    jobs: Iterable[Job], store: Store, out: Path, made_by: Mapping[str, Any] | None = None
) -> int:
    """Join pieces into one table with `video_id` and `key`, in job order; return its rows.

    The bytes depend on the pieces, their order and `made_by` alone, which says in the table's
    metadata what made them (see `pipeline.made_by`). Memory holds one row group.
    """
    sweep(out.parent, below=False)
    schema = tables.with_video(store.schema)
    metadata = {} if made_by is None else {"made_by": made_by}
    return tables.write_stream((_labelled(job, store) for job in jobs), out, schema, metadata)


def _labelled(job: Job, store: Store) -> pa.Table:
    piece = store.load(job.key).replace_schema_metadata(None)
    labels = pa.array([job.video_id] * piece.num_rows), pa.array([job.key] * piece.num_rows)
    with_id = piece.add_column(0, "video_id", labels[0])
    return with_id.append_column("key", labels[1])


def link_each(jobs: Iterable[Job], store: Store, folder: Path) -> None:
    """Make `folder` hold each piece as `<video_id>.parquet`, by hard link or by copy across disks.

    Tables of other videos are removed: a stage must not take a piece of yesterday for one of
    today. Raises `UserError` before anything is changed when an id cannot be a file's name.
    """
    jobs = list(jobs)
    check_file_names(job.video_id for job in jobs)
    own = {folder / f"{job.video_id}.parquet" for job in jobs}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        for path in folder.rglob("*.parquet"):
            if path not in own:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise UnwritableError.of(folder, error) from error
    for job in jobs:
        place(store.path(job.key), folder / f"{job.video_id}.parquet")
