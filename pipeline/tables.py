"""The schema of each Parquet table; atomic write, checked read.

`T` is the number of snippets a video, `D` the width of a feature. Frame numbers are
0-based; intervals are half-open, `[start, end)`.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.atomic import atomic_path
from pipeline.errors import UserError

VIDEOS_PER_ROW_GROUP = 64


def _schema(*columns: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns])


EVENT = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("category", pa.string())])

PROBE = _schema(
    ("n_frames", pa.int32()),
    ("fps", pa.float32()),
    ("width", pa.int16()),
    ("height", pa.int16()),
)
MANIFEST = _schema(
    ("video_id", pa.string()),
    ("path", pa.string()),
    ("sha256", pa.string()),
    ("split", pa.string()),
    ("categories", pa.list_(pa.string())),
    *((field.name, field.type) for field in PROBE),
    ("events", pa.list_(EVENT)),
    ("status", pa.string()),
    ("error", pa.string()),
)
FRAMES = _schema(
    ("snippet", pa.int16()),
    ("start", pa.int32()),
    ("end", pa.int32()),
    ("frame_index", pa.list_(pa.int32())),
    ("image", pa.list_(pa.binary())),
)
CAPTION_PIECE = _schema(
    ("snippet", pa.int16()),
    ("caption", pa.string()),
    ("n_tokens", pa.int16()),
    ("truncated", pa.bool_()),
)
FLOORS = _schema(
    ("snippet", pa.int16()),
    ("mean_brightness", pa.float32()),
    ("mean_motion", pa.float32()),
)
SKIPPED = _schema(("video_id", pa.string()), ("stage", pa.string()), ("error", pa.string()))
SCORES = _schema(
    ("model", pa.string()),
    ("seed", pa.int32()),
    ("checkpoint", pa.string()),
    ("video_id", pa.string()),
    ("snippet", pa.int16()),
    ("start", pa.int32()),
    ("end", pa.int32()),
    ("score", pa.float32()),
    ("category_prob", pa.list_(pa.float32())),
)


def feature_piece(width: int) -> pa.Schema:
    """Schema of one video's features: T rows of `width` float32 numbers."""
    return _schema(("snippet", pa.int16()), ("feature", pa.list_(pa.float32(), width)))


def with_video(piece: pa.Schema) -> pa.Schema:
    """Schema of a table assembled from pieces: `video_id` in front, piece `key` at the end."""
    fields = [pa.field("video_id", pa.string(), nullable=False), *piece]
    return pa.schema([*fields, pa.field("key", pa.string(), nullable=False)])


CAPTIONS = with_video(CAPTION_PIECE)


def check(table: pa.Table, schema: pa.Schema, name: str) -> None:
    """Raise `UserError` unless `table` has exactly the columns of `schema`, without nulls."""
    found, expected = table.schema, schema
    if found.names != expected.names:
        raise UserError(f"{name}: expected columns {expected.names}, found {found.names}")
    for field in expected:
        kind = found.field(field.name).type
        if not _same_type(kind, field.type):
            raise UserError(f"{name}: column '{field.name}' is {kind}, expected {field.type}")
        if table.column(field.name).null_count:
            raise UserError(f"{name}: column '{field.name}' holds nulls")


def _same_type(found: pa.DataType, expected: pa.DataType) -> bool:
    """Equal but for the name and nullability of a list's element field."""
    if pa.types.is_list(found) and pa.types.is_list(expected):
        return _same_type(found.value_type, expected.value_type)
    if pa.types.is_fixed_size_list(found) and pa.types.is_fixed_size_list(expected):
        same_size = found.list_size == expected.list_size
        return same_size and _same_type(found.value_type, expected.value_type)
    return bool(found == expected)


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)


def write(
    table: pa.Table, path: Path, schema: pa.Schema, metadata: dict[str, Any] | None = None
) -> None:
    """Check `table` against `schema` and write it atomically.

    `metadata` is stored as JSON under each key in the file's schema metadata.
    Equal content gives equal bytes (for one pyarrow version).
    """
    check(table, schema, str(path))
    encoded = {key: json.dumps(value) for key, value in (metadata or {}).items()}
    target = schema.with_metadata(encoded or None)
    with atomic_path(path) as temporary, _writer(temporary, target) as writer:
        writer.write_table(table.cast(target))


def write_stream(tables: Iterable[pa.Table], path: Path, schema: pa.Schema) -> int:
    """Write one table a video as row groups of `VIDEOS_PER_ROW_GROUP` videos; return the rows.

    Memory is bounded by one row group, whatever the number of videos.
    """
    rows, source = 0, iter(tables)
    with atomic_path(path) as temporary, _writer(temporary, schema) as writer:
        while group := list(islice(source, VIDEOS_PER_ROW_GROUP)):
            joined = pa.concat_tables(group)
            check(joined, schema, str(path))
            writer.write_table(joined.cast(schema), row_group_size=max(joined.num_rows, 1))
            rows += joined.num_rows
    return rows


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; `dvc repro` builds it") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path} cannot be read ({error}); remove it and `dvc repro`") from error


def read(path: Path, schema: pa.Schema | None = None) -> pa.Table:
    """Read a table, verify its checksums, and check it against `schema`.

    Raises `UserError` naming the file when it is absent, damaged, or of another schema.
    """
    with _readable(path):
        table = pq.read_table(path, page_checksum_verification=True, partitioning=None)
    if schema is not None:
        check(table, schema, str(path))
    return table


def metadata(path: Path) -> dict[str, Any]:
    """The JSON values that `write` stored beside a table's schema; errors as those of `read`."""
    with _readable(path):
        raw = pq.read_schema(path).metadata or {}
    return {k.decode(): json.loads(v) for k, v in raw.items() if not k.startswith(b"ARROW:")}


def read_features(path: Path) -> tuple[list[str], npt.NDArray[np.float32], list[str]]:
    """Read a feature table: video ids (N), features (N, T, D) float32, piece keys (N).

    Raises `UserError` unless every video has the same snippets 0..T-1 in order.
    """
    table = read(path)
    if "feature" not in table.column_names:
        raise UserError(f"{path}: no column 'feature'; is it a feature table?")
    check(table, with_video(feature_piece(table.schema.field("feature").type.list_size)), str(path))
    if not table.num_rows:
        raise UserError(f"{path} holds no video")
    snippets = table.column("snippet").to_numpy()
    n_snippets = int(snippets.max()) + 1
    expected = np.arange(len(snippets)) % n_snippets
    if len(snippets) % n_snippets or (snippets != expected).any():
        raise UserError(f"{path}: each video must have snippets 0..{n_snippets - 1} in order")
    firsts = table.take(pa.array(np.arange(0, len(snippets), n_snippets)))
    repeated = pa.array(np.arange(len(snippets)) // n_snippets)
    ids = table["video_id"].combine_chunks()
    if not firsts["video_id"].combine_chunks().take(repeated).equals(ids):
        raise UserError(f"{path}: the {n_snippets} rows of a video must follow one another")
    flat = table.column("feature").combine_chunks().flatten().to_numpy()
    features = flat.reshape(-1, n_snippets, len(flat) // len(snippets))
    return firsts["video_id"].to_pylist(), features, firsts["key"].to_pylist()


def read_captions(path: Path) -> list[tuple[str, str, list[str]]]:
    """Read a caption table: for each video its id, its piece's key and its captions in order."""
    frame = read(path, CAPTIONS).to_pandas()
    groups = frame.groupby("video_id", sort=False)
    return [(name, rows["key"].iloc[0], rows["caption"].tolist()) for name, rows in groups]


def iterate_rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """The rows of a table as plain dictionaries."""
    for batch in table.to_batches():
        yield from batch.to_pylist()
