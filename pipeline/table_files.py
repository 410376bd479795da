"""Parquet files of a stated schema: atomic write, checked read."""

import errno
import json
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import seal
from pipeline.atomic import atomic_path
from pipeline.errors import UserError

VIDEOS_PER_ROW_GROUP = 64


class UnreadableError(UserError):
    """The system does not let a file be read: no permission, a faulty disk."""


_DENIED = (errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ENOTDIR, errno.EISDIR)


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


@contextmanager
def _writer(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Write a file atomically, with checksums and its own digest (see `pipeline.seal`)."""
    with atomic_path(path) as temporary:
        with (
            pa.OSFile(str(temporary), "wb") as file,  # closed even where the disk is full
            pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer,
        ):
            yield writer
            writer.add_key_value_metadata({seal.KEY: seal.ZEROS})
        seal.seal(temporary)


def write(
    table: pa.Table, path: Path, schema: pa.Schema, metadata: Mapping[str, Any] | None = None
) -> None:
    """Check `table` against `schema` and write it atomically.

    `metadata` is stored as JSON under each key in the file's schema metadata.
    Equal content gives equal bytes (for one pyarrow version).
    """
    check(table, schema, str(path))
    target = _labelled(schema, metadata)
    with _writer(path, target) as writer:
        writer.write_table(table.cast(target))


def _labelled(schema: pa.Schema, metadata: Mapping[str, Any] | None) -> pa.Schema:
    encoded = {key: json.dumps(value) for key, value in (metadata or {}).items()}
    return schema.with_metadata(encoded or None)


def write_stream(
    tables: Iterable[pa.Table],
    path: Path,
    schema: pa.Schema,
    metadata: Mapping[str, Any] | None = None,
) -> int:
    """Write one table a video as row groups of `VIDEOS_PER_ROW_GROUP` videos; return the rows.

    Memory is bounded by one row group, whatever the number of videos. `metadata` as for `write`.
    """
    rows, source = 0, iter(tables)
    target = _labelled(schema, metadata)
    with _writer(path, target) as writer:
        while group := list(islice(source, VIDEOS_PER_ROW_GROUP)):
            joined = pa.concat_tables(group)
            check(joined, schema, str(path))
            writer.write_table(joined.cast(target), row_group_size=max(joined.num_rows, 1))
            rows += joined.num_rows
    return rows


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what reading `path` raises into a `UserError` that names it."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; `dvc repro` builds it") from None
    except (OSError, pa.ArrowException, ValueError) as error:  # Arrow's own fit no single type
        if isinstance(error, OSError) and error.errno in _DENIED:
            raise UnreadableError(
                f"{path} cannot be read ({error.strerror}); permit reading it or check the disk, "
                "then run again; or remove it, and it is made again"
            ) from error
        raise seal.DamagedError(
            f"{path} cannot be read ({error}); remove it and `dvc repro`"
        ) from error


def read(path: Path, schema: pa.Schema | None = None, *, sealed: bool = False) -> pa.Table:
    """Read a table, verify its checksums, and check it against `schema`.

    With `sealed`, the file must carry the digest that this project's own tables carry. Raises
    `UserError` naming the file when it is absent, of another schema, damaged (`seal.DamagedError`)
    or not to be read (`UnreadableError`).
    """
    with readable(path):
        seal.verify(path, required=sealed)
        table = pq.read_table(path, page_checksum_verification=True, partitioning=None)
    if schema is not None:
        check(table, schema, str(path))
    return table


def read_groups(path: Path, keys: Set[str]) -> Iterator[pa.Table]:
    """The row groups of an assembled table that hold one of the pieces `keys`, one at a time.

    The whole file is verified before the first. Errors as those of `read`, with `sealed`.
    """
    with readable(path):
        seal.verify(path, required=True)
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if "key" not in file.schema_arrow.names:
                raise UserError(f"{path} has no column 'key': it is no table of pieces")
            for number in range(file.num_row_groups):
                own = file.read_row_group(number, columns=["key"])["key"]
                if not keys.isdisjoint(own.unique().to_pylist()):
                    yield file.read_row_group(number)


def verified_schema(path: Path) -> pa.Schema:
    """Schema and metadata of one of this project's tables, every byte of which is verified.

    Its rows are not decoded. Errors as those of `read`.
    """
    with readable(path):
        seal.verify(path, required=True)
        return pq.read_schema(path)


def metadata(path: Path) -> dict[str, Any]:
    """The JSON values that `write` stored beside a table's schema; errors as those of `read`."""
    with readable(path):
        return metadata_of(pq.read_schema(path))


def metadata_of(schema: pa.Schema) -> dict[str, Any]:
    """The JSON values in a schema's metadata, by name."""
    return {k.decode(): json.loads(v) for k, v in (schema.metadata or {}).items()}
