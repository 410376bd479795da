"""What per-video stages are run over: the manifest's videos, or their sampled frames."""

from collections.abc import Iterator
from typing import Any

from pipeline import pieces, tables
from pipeline.errors import UserError
from stages.layout import Layout

# video id, key of what it comes from, what the function is called with
Source = tuple[str, str, Any]


def usable_rows(layout: Layout) -> Iterator[dict[str, Any]]:
    """The manifest's rows of the videos that can be used."""
    for row in tables.iterate_rows(tables.read(layout.manifest, tables.MANIFEST)):
        if row["status"] in tables.USABLE:
            yield row


def sampled_frames(layout: Layout) -> Iterator[Source]:
    """The sampled frames of every video that has them, as sources.

    Raises `UserError` where stage `decode` has not been run.
    """
    if not layout.frames.is_dir():
        raise UserError(
            f"{layout.frames} does not exist; `dvc repro decode@{layout.name}` builds it"
        )
    for row in tables.iterate_rows(tables.read(layout.manifest, tables.MANIFEST)):
        path = layout.frames_of(row["video_id"])
        if path.exists():
            yield row["video_id"], pieces.key_of(path), path
