"""Pieces that the work store lacks, made again from a stage's earlier output."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from pipeline import pieces, tables
from pipeline.errors import UserError
from stages import earlier
from stages.layout import Layout


def refill_keys(store: pieces.Store, missing: Collection[str], out: Path) -> set[str]:
    """Make the pieces of those keys again from earlier outputs `out`; the keys that were there."""
    return pieces.refill(store, missing, earlier.outputs(out))


def refill_probes(
    recipe: pieces.Recipe, manifest: Path, store: pieces.Store, missing: Collection[str]
) -> set[str]:
    """The same for probes, from the rows of earlier manifests that were probed by `recipe`."""
    found: set[str] = set()
    for path in earlier.outputs(manifest):
        try:
            table = tables.read(path, tables.MANIFEST)
            probed_by = tables.metadata(path).get("probed_by")
        except UserError:  # damaged, or of an older schema: the videos themselves are at hand
            continue
        if probed_by == probe_mark(recipe):
            left = set(missing) - found
            found |= pieces.refill_rows(store, left, _probes(table, recipe))
    return found


def probe_mark(recipe: pieces.Recipe) -> str:
    """What a manifest's metadata says of how its videos were probed."""
    return recipe.key("")


def _probes(manifest: pa.Table, recipe: pieces.Recipe) -> Iterator[tuple[str, pa.Table]]:
    for row in tables.iterate_rows(manifest):
        if row["status"] in tables.USABLE:  # of these, `error` holds the damage
            probe = {name: (row | {"damage": row["error"]})[name] for name in tables.PROBE.names}
            yield recipe.key(row["sha256"]), pa.Table.from_pylist([probe], schema=tables.PROBE)


def refill_all(layout: Layout, brings: Sequence[str], root: Path) -> tuple[int, int]:
    """Make again what a dataset's outputs hold; the pieces refilled, and those that were there."""
    n_refilled = n_there = 0
    for stage, out, schema in _assembled(layout, brings):
        store = pieces.Store(root, stage, schema)
        named = earlier.keys(out)
        missing = pieces.missing_keys(store, named)
        n_refilled += len(refill_keys(store, missing, out)) if missing else 0
        n_there += len(named) - len(missing)
    return n_refilled, n_there


def _assembled(layout: Layout, brings: Sequence[str]) -> Iterator[tuple[str, Path, pa.Schema]]:
    """Stage of the store, output and piece schema of what is there of a dataset's outputs."""
    names = {"image": "imported_image", "text": "imported_text"} if brings else {}
    if not brings:
        yield "decode", layout.frames, tables.FRAMES
        yield "caption", layout.table("captions"), tables.CAPTION_PIECE
    for stage, modality in (("clip", "image"), ("text", "text")):
        out = layout.table(stage)
        if width := earlier.feature_width(out):
            of_captions = modality == "text" and not brings
            piece = tables.text_piece(width) if of_captions else tables.feature_piece(width)
            yield names.get(modality, stage), out, piece
