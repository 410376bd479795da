"""What the per-video stages do for a dataset that brings its features instead of videos."""

from collections.abc import Sequence
from functools import partial
from typing import cast

from pipeline import imported, made_by, pieces, tables
from pipeline.config import FeaturesSource, Modality, Runtime, Source
from stages import per_video, sources
from stages.layout import Layout
from stages.shards import Shard


def write_table(
    layout: Layout,
    stage: str,
    modality: Modality,
    *,
    source: Source,
    n_snippets: int,
    runtime: Runtime,
    shard: Shard | None = None,
) -> str:
    """Import the modality's features into the stage's table; return the stage's last line.

    A modality that the dataset does not bring gives a table without rows. With a `shard`, only
    its share is imported, and no table is written.
    """
    out = layout.table(stage)
    if modality not in source.brings:
        return per_video.write_empty(layout, stage, out, tables.feature_piece(1), shard)
    settings = cast(FeaturesSource, source)  # the only kind that brings any
    requests = [
        imported.request_of(settings, layout.raw, row, modality)
        for row in sources.usable_rows(layout)
    ]
    like, width = _reference(settings, requests)
    return per_video.build_table(
        layout,
        out,
        stage=stage,
        recipe=pieces.Recipe(
            f"imported_{modality}", imported.VERSION, imported.identity(settings, n_snippets)
        ),
        schema=tables.feature_piece(width),
        made_by=made_by.brought(modality),
        make=partial(imported.Resampler, settings, n_snippets, like),
        sources=[(request.video_id, _key(settings, request), request) for request in requests],
        runtime=runtime,
        shard=shard,
    )


def _reference(
    settings: FeaturesSource, requests: Sequence[imported.Request]
) -> tuple[imported.Request | None, int]:
    """The first video whose features can be read, and their width, which all must have."""
    for request in requests:
        try:
            return request, imported.width(settings, request)
        except imported.FeaturesError:  # it will be left out with this reason
            continue
    return None, 1


def _key(settings: FeaturesSource, request: imported.Request) -> str:
    """The digest of a video's features; of those that cannot be read, what nothing else has."""
    try:
        return request.sha256 or imported.digest(settings, request)
    except imported.FeaturesError as error:
        return f"{request.name}: {error}"
