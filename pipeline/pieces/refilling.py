"""Pieces made again from what a stage once assembled from them."""

import sys
from collections.abc import Collection, Iterable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

import pyarrow as pa

from pipeline import tables
from pipeline.atomic import UnwritableError
from pipeline.errors import UserError
from pipeline.pieces.in_use import InUse
from pipeline.pieces.linking import place
from pipeline.pieces.store import Store
from pipeline.pieces.verifying import AT_ONCE, THREADS


def refill(store: Store, missing: Collection[str], outputs: Iterable[Path]) -> set[str]:
    """Make the pieces of the keys `missing` again from earlier outputs; return those it could.

    Each of `outputs` is an assembled table, a piece's file under any name (it may be read-only,
    as in DVC's cache), or a folder of such files; absent ones are passed over. Pieces are
    byte-identical to those that the outputs came from. Every source is verified by its own
    digest first; one that is damaged, foreign or not to be read is told on stderr and passed over.
    Tables are read row group by row group. Raises `UnwritableError` when the store is not writable.
    """
    in_use = InUse(store.root / store.stage)
    wanted, found = frozenset(missing), set[str]()
    files = _files(outputs)
    with ThreadPoolExecutor(THREADS) as pool:
        while found != wanted and (part := list(islice(files, AT_ONCE))):
            for keys in pool.map(partial(_from_file, store, wanted - found), part):
                found |= keys
    del in_use
    return found


def refill_rows(
    store: Store, missing: Collection[str], rows: Iterable[tuple[str, pa.Table]]
) -> set[str]:
    """The same from keys and pieces that the caller made from rows it trusts, such as probes."""
    found: set[str] = set()
    for key, piece in rows:
        if key in missing and key not in found:
            store.save(key, piece)
            found.add(key)
    return found


def _files(outputs: Iterable[Path]) -> Iterator[Path]:
    for path in outputs:
        if path.is_dir():
            yield from sorted(path.glob("*.parquet"))
        elif path.exists():
            yield path


def _from_file(store: Store, wanted: Set[str], path: Path) -> set[str]:
    try:
        key = tables.metadata(path).get("key")
        if key is None:
            return _from_table(store, wanted, path)
        if key not in wanted:
            return set()
        tables.check(tables.verified_schema(path).empty_table(), store.schema, str(path))
        with store.writing():
            place(path, store.path(key))
        return {key}
    except UnwritableError:
        raise
    except UserError as error:
        print(f"note: {path} refills nothing: {error}", file=sys.stderr)
        return set()


def _from_table(store: Store, wanted: Set[str], path: Path) -> set[str]:
    found: set[str] = set()
    for group in tables.read_groups(path, wanted):
        tables.check(group, tables.with_video(store.schema), str(path))
        for key, piece in _pieces(group):
            if key in wanted and key not in found:
                store.save(key, piece.select(store.schema.names))
                found.add(key)
    return found


def _pieces(group: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The key and the rows of each video; two videos of equal content follow one another as two."""
    labels = list(zip(group["video_id"].to_pylist(), group["key"].to_pylist(), strict=True))
    first = 0
    for row in range(1, len(labels) + 1):
        if row == len(labels) or labels[row] != labels[first]:
            yield labels[first][1], group.slice(first, row - first).combine_chunks()
            first = row
