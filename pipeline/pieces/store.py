"""Where pieces lie and what they are found by."""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import tables
from pipeline.errors import UserError


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
        tables.write(piece, self.path(key), self.schema, {"key": key})

    def load(self, key: str) -> pa.Table:
        """Read a piece; a `UserError` when it is absent, damaged, or of another key or schema."""
        path = self.path(key)
        piece = tables.read(path, self.schema)
        if key_of(path) != key:
            raise UserError(f"{path} holds the piece of another key")
        return piece

    def holds(self, key: str) -> bool:
        """Whether a whole, readable piece is there; a damaged one is removed with a warning."""
        if not self.path(key).exists():
            return False
        try:
            self.load(key)
        except UserError as error:
            print(f"recomputing a damaged piece: {error}", file=sys.stderr)
            self.path(key).unlink(missing_ok=True)
            return False
        return True


def key_of(path: Path) -> str:
    """The key of the piece that a file is a link or copy of."""
    return str(tables.metadata(path)["key"])
