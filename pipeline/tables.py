"""The schema of each Parquet table, and how whole tables are read.

`T` is the number of snippets a video, `D` the width of a feature. Frame numbers are
0-based; intervals are half-open, `[start, end)`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import seal
from pipeline.errors import UserError
from pipeline.table_files import (
    VIDEOS_PER_ROW_GROUP,
    UnreadableError,
    check,
    metadata,
    metadata_of,
    read,
    read_groups,
    readable,
    verified_schema,
    write,
    write_stream,
)

__all__ = [
    "CAPTIONS",
    "CAPTION_PIECE",
    "EVENT",
    "FLOORS",
    "FRAMES",
    "MANIFEST",
    "PROBE",
    "SCORES",
    "SKIPPED",
    "USABLE",
    "VIDEOS_PER_ROW_GROUP",
    "UnreadableError",
    "check",
    "feature_piece",
    "iterate_rows",
    "metadata",
    "metadata_of",
    "read",
    "read_captions",
    "read_features",
    "read_groups",
    "text_piece",
    "verified_schema",
    "with_video",
    "write",
    "write_stream",
]

ROWS_AT_A_TIME = 2048  # of a feature table: 6 MB of 768 numbers each


def _schema(*columns: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns])


EVENT = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("category", pa.string())])

PROBE = _schema(
    ("n_frames", pa.int32()),
    ("fps", pa.float32()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("way", pa.string()),
    ("n_lost", pa.int32()),
    ("damage", pa.string()),
)
MANIFEST = _schema(
    ("video_id", pa.string()),
    ("path", pa.string()),
    ("sha256", pa.string()),
    ("split", pa.string()),
    ("categories", pa.list_(pa.string())),
    *((field.name, field.type) for field in PROBE if field.name != "damage"),
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
)
FLOORS = _schema(
    ("snippet", pa.int16()),
    ("mean_brightness", pa.float32()),
    ("mean_motion", pa.float32()),
)
FOLD_SCORES = _schema(
    ("model", pa.string()),
    ("seed", pa.int32()),
    ("fold", pa.int16()),
    ("video_id", pa.string()),
    ("abnormal", pa.bool_()),
    ("score", pa.float64()),
)
TRIAL = _schema(
    ("seed", pa.int32()),
    ("checkpoint", pa.string()),
    ("video_id", pa.string()),
    ("snippet", pa.int16()),
    ("score", pa.float32()),
    ("category_prob", pa.list_(pa.float32())),
)
USABLE = ("ok", "salvaged")  # values of the manifest's `status`; the third is `unreadable`
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


def text_piece(width: int) -> pa.Schema:
    """The same of features made of captions.

    `n_tokens` is the caption's length in the encoder's tokens, start and end included;
    `truncated`: the encoder saw only a part of it.
    """
    counts = (
        pa.field("n_tokens", pa.int32(), nullable=False),
        pa.field("truncated", pa.bool_(), nullable=False),
    )
    piece = feature_piece(width)
    return pa.schema([piece.field("snippet"), *counts, piece.field("feature")])


def with_video(piece: pa.Schema) -> pa.Schema:
    """Schema of a table assembled from pieces: `video_id` in front, piece `key` at the end."""
    fields = [pa.field("video_id", pa.string(), nullable=False), *piece]
    return pa.schema([*fields, pa.field("key", pa.string(), nullable=False)])


CAPTIONS = with_video(CAPTION_PIECE)


def read_features(path: Path) -> tuple[list[str], npt.NDArray[np.float32], list[str]]:
    """Read a feature table: video ids (N), features (N, T, D) float32, piece keys (N).

    Features are held once: rows go straight into the array, some at a time. Raises `UserError`
    unless every video has the same snippets 0..T-1 in order.
    """
    with readable(path):
        seal.verify(path, required=False)
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return _features(file, path)


def _features(
    file: pq.ParquetFile, path: Path
) -> tuple[list[str], npt.NDArray[np.float32], list[str]]:
    if "feature" not in file.schema_arrow.names:
        raise UserError(f"{path}: no column 'feature'; is it a feature table?")
    width = getattr(file.schema_arrow.field("feature").type, "list_size", 1)
    piece = text_piece(width) if "n_tokens" in file.schema_arrow.names else feature_piece(width)
    schema = with_video(piece)
    check(file.schema_arrow.empty_table(), schema, str(path))
    n_snippets = _snippets_a_video(file.read(columns=["snippet"])["snippet"], path)
    features = np.empty((file.metadata.num_rows // n_snippets, n_snippets, width), np.float32)
    flat, first = features.reshape(-1, width), 0
    ids: list[str] = []
    keys: list[str] = []
    for batch in _batches(file):
        check(pa.Table.from_batches([batch]), schema, str(path))
        rows = np.arange(first, first + batch.num_rows)
        flat[rows[0] : rows[-1] + 1] = batch["feature"].flatten().to_numpy().reshape(-1, width)
        begins = pa.array(rows % n_snippets == 0)
        ids += batch["video_id"].filter(begins).to_pylist()
        keys += batch["key"].filter(begins).to_pylist()
        video = rows // n_snippets
        if not pa.array(ids[video[0] :]).take(pa.array(video - video[0])).equals(batch["video_id"]):
            raise UserError(f"{path}: the {n_snippets} rows of a video must follow one another")
        first += batch.num_rows
    return ids, features, keys


def _batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    """All rows, some at a time; asked for all row groups, Arrow would read far ahead."""
    for group in range(file.num_row_groups):
        yield from file.iter_batches(batch_size=ROWS_AT_A_TIME, row_groups=[group])


def _snippets_a_video(snippets: pa.ChunkedArray, path: Path) -> int:
    """T, where a table's column `snippet` is 0..T-1 over and over."""
    if not len(snippets):
        raise UserError(f"{path} holds no video")
    count = max(1, 1 + (pc.max(snippets).as_py() or 0))
    expected = np.arange(len(snippets)) % count
    if len(snippets) % count or (snippets.to_numpy() != expected).any():
        raise UserError(f"{path}: each video must have snippets 0..{count - 1} in order")
    return count


def read_captions(path: Path) -> list[tuple[str, str, list[str]]]:
    """Read a caption table: for each video its id, its piece's key and its captions in order."""
    frame = read(path, CAPTIONS).to_pandas()
    groups = frame.groupby("video_id", sort=False)
    return [(name, rows["key"].iloc[0], rows["caption"].tolist()) for name, rows in groups]


def iterate_rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """The rows of a table as plain dictionaries."""
    for batch in table.to_batches():
        yield from batch.to_pylist()
