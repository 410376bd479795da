"""What the per-video stages share: from recipe and sources to a table and the videos left out."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import pieces, tables
from pipeline.config import Runtime
from pipeline.pieces.in_use import InUse
from stages import endings, refilling
from stages.layout import Layout
from stages.shards import Shard
from stages.sources import Source

# from a store and the keys that it lacks to those that it lacks no more
Refill = Callable[[pieces.Store, Collection[str]], set[str]]


def compute(
    recipe: pieces.Recipe,
    schema: pa.Schema,
    make: Callable[[], Callable[[Any], Any]],
    sources: Iterable[Source],
    runtime: Runtime,
    *,
    workers: int | None = None,
    gpu: bool = False,
    together: int | None = None,
    shard: Shard | None = None,
    refill: Refill | None = None,
) -> tuple[pieces.Computed, pieces.Store]:
    """Make the pieces of all sources, or of a share, that the work store lacks.

    What `refill` makes again from an earlier output is not computed. For `make`, `workers`,
    `gpu` and `together` see `pieces.compute`. Videos of one key are of one share.
    """
    store = pieces.Store(Path(runtime.store), recipe.stage, schema)
    jobs = [pieces.Job(video_id, recipe.key(key), source) for video_id, key, source in sources]
    own = [job for job in jobs if shard is None or shard.holds(job.key)]
    if shard:  # a share may hold most of the bad videos; the run that assembles judges all
        runtime = runtime.model_copy(update={"max_failed_share": 1.0})
    in_use = InUse(store.root / store.stage)  # what is found here must stay until it is used
    missing = pieces.missing_keys(store, (job.key for job in own))
    if missing and refill and (found := refill(store, missing)):
        print(f"{store.stage}: {len(found)} pieces refilled from the earlier output")
        missing = missing - found
    computed = pieces.compute(
        own,
        make,
        store,
        runtime,
        workers=workers,
        gpu=gpu,
        together=together,
        missing=missing,
    )
    del in_use  # `computed` holds its own
    return computed, store


def write_empty(
    layout: Layout, stage: str, out: Path, piece: pa.Schema, shard: Shard | None = None
) -> str:
    """Write `out` without rows where the dataset leaves the stage nothing to do."""
    if shard:
        return endings.finish_shard(pieces.Computed(), layout, stage, shard)
    tables.write_stream([], out, tables.with_video(piece))
    endings.finish(pieces.Computed(), layout, stage, out)
    return f"{out}: no rows; the dataset brings features in place of videos"


def build_table(
    layout: Layout,
    out: Path,
    *,
    recipe: pieces.Recipe,
    schema: pa.Schema,
    make: Callable[[], Callable[[Any], Any]],
    sources: Iterable[Source],
    runtime: Runtime,
    stage: str | None = None,
    workers: int | None = None,
    gpu: bool = False,
    together: int | None = None,
    shard: Shard | None = None,
    made_by: Mapping[str, Any] | None = None,
    put: Callable[[list[pieces.Job], pieces.Store, Path], Any] | None = None,
) -> str:
    """Compute the pieces and put them into the output `out`; return the stage's last line.

    `put` does that; else they become one table, which says what it was `made_by`.
    `stage` is the stage's name where the recipe's is another. With a `shard`, only its share
    is computed, and no output is written.
    """
    name = stage or recipe.stage
    computed, store = compute(
        recipe,
        schema,
        make,
        sources,
        runtime,
        workers=workers,
        gpu=gpu,
        together=together,
        shard=shard,
        refill=partial(refilling.refill_keys, out=out),
    )
    if shard:
        return endings.finish_shard(computed, layout, name, shard)
    put = put or partial(pieces.assemble, made_by=made_by)
    put(computed.done, store, out)
    return endings.finish(computed, layout, name, out)
