"""Rows of a user's caption table as they stand: JSON lines, CSV or Parquet."""

import csv
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import chain
from pathlib import Path, PurePath
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import CaptionColumns
from pipeline.errors import UserError

ENDINGS = ".jsonl, .csv (both also with .gz) or .parquet"

Record = dict[str, Any]


def place(path: PurePath | str, row: int) -> str:
    """Where a row stands, for messages: text files count lines, Parquet files rows, from 1."""
    return f"{path}, {'row' if str(path).lower().endswith('.parquet') else 'line'} {row}"


def read_records(path: Path, columns: CaptionColumns) -> Iterator[tuple[int, Record]]:
    """The number of each row (see `place`) and its cells by column; a missing cell is null.

    Cells of CSV are text, and missing where they are empty, but for captions. One row is held at a
    time, of Parquet one batch. Raises `UserError` where the file cannot be read or
    lacks a column.
    """
    if not path.is_file():
        raise UserError(
            f"{path} does not exist; caption.path in params.yaml names a table of captions below "
            f"the dataset's raw folder: put it there, or correct the path"
        )
    name = path.name.lower().removesuffix(".gz")
    try:
        if path.name.lower().endswith(".parquet"):
            yield from _parquet(path, columns)
        elif name.endswith(".jsonl"):
            with _open(path) as file:
                yield from _json_lines(file, path, columns)
        elif name.endswith(".csv"):
            with _open(path) as file:
                yield from _csv(file, path, columns)
        else:
            raise UserError(f"{path}: a table of captions ends in {ENDINGS}; rename or convert it")
    except (OSError, EOFError, ValueError, csv.Error, zlib.error, pa.ArrowException) as error:
        raise UserError(
            f"{path} cannot be read as {ENDINGS}, text in UTF-8 ({error}); write it anew"
        ) from error


def _open(path: Path) -> TextIO:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _json_lines(file: TextIO, path: Path, columns: CaptionColumns) -> Iterator[tuple[int, Record]]:
    checked = False
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise UserError(f"{place(path, number)}: no JSON ({error}); mend the line") from error
        if not isinstance(record, dict):
            raise UserError(
                f"{place(path, number)}: expected a JSON object such as "
                f'{{"{columns.video_id}": ..., "{columns.caption}": ...}}, '
                f"found {line.strip()[:60]}"
            )
        if not checked:
            _check_columns(record, columns, path)
            checked = True
        yield number, record


def _csv(file: TextIO, path: Path, columns: CaptionColumns) -> Iterator[tuple[int, Record]]:
    reader = csv.reader(file, strict=True)
    header = [name.strip() for name in next(reader, [])]
    _check_columns(header, columns, path)
    before = reader.line_num
    for cells in reader:
        number, before = before + 1, reader.line_num  # a quoted caption may have several lines
        if not cells:
            continue
        if len(cells) != len(header):
            raise UserError(
                f"{place(path, number)}: expected {len(header)} cells, found {len(cells)}; "
                'a caption that holds a comma needs quotes: "a man, running"'
            )
        record: Record = {
            name: cell if name == columns.caption or cell.strip() else None
            for name, cell in zip(header, cells, strict=True)
        }
        yield number, record


def _parquet(path: Path, columns: CaptionColumns) -> Iterator[tuple[int, Record]]:
    with pq.ParquetFile(path) as file:
        found = file.schema_arrow.names
        _check_columns(found, columns, path)
        wanted = [name for name in columns.model_dump().values() if name in found]
        records = chain.from_iterable(b.to_pylist() for b in file.iter_batches(columns=wanted))
        yield from enumerate(records, start=1)


def _check_columns(found: Collection[str], columns: CaptionColumns, path: Path) -> None:
    """Raise `UserError` unless a table with the columns `found` can tell captions of videos."""
    twice = [name for name, count in Counter(list(found)).items() if count > 1]
    if twice:
        raise UserError(f"{path}: the column '{twice[0]}' stands there twice; rename one")
    way = columns.snippet in found or (columns.start in found and columns.end in found)
    if way and columns.video_id in found and columns.caption in found:
        return
    raise UserError(
        f"{path}: expected the columns '{columns.video_id}', '{columns.caption}' and either "
        f"'{columns.snippet}' or '{columns.start}' and '{columns.end}'; found "
        f"{', '.join(map(str, found)) or 'none'}; rename them, or say in caption.columns of "
        "params.yaml what they are called"
    )
