"""Where pieces lie and what they are found by."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import tables
from pipeline.atomic import UnwritableError
from pipeline.errors import UserError

ABSENT = "absent"


@dataclass(frozen=True)
class Recipe:
    """How a stage makes its pieces: everything but the source that can change one.

    `version` is raised by hand whenever the stage's code changes what it computes.
    """

    stage: str
    version: int
    settings: Mapping[str, Any]

    def key(self, source: str) -> str:
        """Hex digest (64 characters) of this recipe applied to `source`."""
        parts = [self.stage, self.version, dict(self.settings), source]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Store:
    """The pieces of one stage below `root`, as `<root>/<stage>/<2 hex digits>/<key>.parquet`."""

    root: Path
    stage: str
    schema: pa.Schema

    def path(self, key: str) -> Path:
        """Where the piece of that key lies, or would lie."""
        return self.root / self.stage / key[:2] / f"{key}.parquet"

    def save(self, key: str, piece: pa.Table) -> None:
        """Write a piece atomically; raises `UserError` when it breaks the schema."""
        with self.writing():
            tables.write(piece, self.path(key), self.schema, {"key": key})

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Where a piece cannot be written, say in the error whose place that is."""
        try:
            yield
        except UnwritableError as error:
            raise UnwritableError(
                f"cannot write to the work store {self.root} (runtime.store): {error}"
            ) from error

    def load(self, key: str) -> pa.Table:
        """Read a piece; a `UserError` when it is absent, damaged, or of another key or schema."""
        path = self.path(key)
        if not path.exists():
            raise UserError(f"{path} is gone from the work store; run again: it is made again")
        piece = tables.read(path, self.schema, sealed=True)
        _check_key(path, piece.schema, key)
        return piece

    def fault(self, key: str) -> str | None:
        """Why the piece of that key cannot be used; None when it can, `ABSENT` when there is none.

        Every byte is verified, no row decoded. Raises `tables.UnreadableError` when the system
        refuses to read the file: it may be whole.
        """
        path = self.path(key)
        if not path.exists():
            return ABSENT
        try:
            schema = tables.verified_schema(path)
            tables.check(schema.empty_table(), self.schema, str(path))
            _check_key(path, schema, key)
        except tables.UnreadableError:
            raise
        except UserError as error:
            return str(error) if path.exists() else ABSENT
        return None


def _check_key(path: Path, schema: pa.Schema, key: str) -> None:
    if tables.metadata_of(schema).get("key") != key:
        raise UserError(f"{path} holds the piece of another key")


def key_of(path: Path) -> str:
    """The key of the piece that a file is a link or copy of."""
    key = tables.metadata(path).get("key")
    if not isinstance(key, str):
        raise UserError(f"{path} is no piece: its metadata names no key; remove it and `dvc repro`")
    return key
