"""What the per-video stages share: from recipe and sources to a table and the videos left out."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import pieces, tables
from pipeline.config import Runtime
from stages.layout import Layout

Source = tuple[
    str, str, Any
]  # video id, key of what it comes from, what the function is called with


def usable_rows(layout: Layout) -> Iterator[dict[str, Any]]:
    """The manifest's rows of the videos that can be used."""
    for row in tables.iterate_rows(tables.read(layout.manifest, tables.MANIFEST)):
        if row["status"] == "ok":
            yield row


def sampled_frames(layout: Layout) -> Iterator[Source]:
    """The sampled frames of every video that has them, as sources."""
    for row in tables.iterate_rows(tables.read(layout.manifest, tables.MANIFEST)):
        path = layout.frames_of(row["video_id"])
        if path.exists():
            yield row["video_id"], pieces.key_of(path), path


def compute(
    recipe: pieces.Recipe,
    schema: pa.Schema,
    make: Callable[[], Callable[[Any], pa.Table]],
    sources: Iterable[Source],
    runtime: Runtime,
    *,
    workers: int | None = None,
) -> tuple[pieces.Computed, pieces.Store]:
    """Make the pieces of all sources that the work store lacks."""
    store = pieces.Store(Path(runtime.store), recipe.stage, schema)
    jobs = [pieces.Job(video_id, recipe.key(key), source) for video_id, key, source in sources]
    return pieces.compute(jobs, make, store, runtime, workers=workers), store


def finish(computed: pieces.Computed, layout: Layout, stage: str, out: Path) -> str:
    """Write the videos left out, print each with its reason, and return the stage's last line."""
    rows = [
        {"video_id": video, "stage": stage, "error": error}
        for video, error in sorted(computed.failed.items())
    ]
    for row in rows:
        print(f"left out: {row['video_id']}: {row['error']}", file=sys.stderr)
    table = pa.Table.from_pylist(rows, schema=tables.SKIPPED)
    tables.write(table, layout.skipped(stage), tables.SKIPPED)
    return f"{out}: {computed.summary()}"


def write_empty(layout: Layout, stage: str, out: Path, piece: pa.Schema) -> str:
    """Write `out` without rows where the dataset leaves the stage nothing to do."""
    tables.write_stream([], out, tables.with_video(piece))
    finish(pieces.Computed(), layout, stage, out)
    return f"{out}: no rows; the dataset brings features in place of videos"


def build_table(
    layout: Layout,
    out: Path,
    *,
    recipe: pieces.Recipe,
    schema: pa.Schema,
    make: Callable[[], Callable[[Any], pa.Table]],
    sources: Iterable[Source],
    runtime: Runtime,
    workers: int | None = None,
) -> str:
    """Compute the pieces, assemble them into the table `out`; return the stage's last line."""
    computed, store = compute(recipe, schema, make, sources, runtime, workers=workers)
    pieces.assemble(computed.done, store, out)
    return finish(computed, layout, recipe.stage, out)
