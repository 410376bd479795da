"""Digests of files that have not changed since they were last read."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from pipeline import pieces
from pipeline.errors import UserError
from pipeline.pieces.in_use import InUse

STAGE = "digest"  # where the work store keeps them
SCHEMA = pa.schema([pa.field("sha256", pa.string(), nullable=False)])
SETTLED_S = 2.0  # a file written since may change again within one tick of its file system's clock


class KnownDigests:
    """`digest` with a memory in the work store, by path, size, modification time and inode.

    Reading every file again, for one video added to many, takes hours where the rest takes
    seconds. The risk is that of DVC itself, which knows files by the same marks: one changed in
    place, with its size and modification time kept, keeps its old digest. `anew` reads every file
    and remembers what it finds.
    """

    def __init__(self, digest: Callable[[Path], str], root: Path, *, anew: bool = False) -> None:
        self.digest = digest
        self.store = pieces.Store(root, STAGE, SCHEMA)
        self.recipe = pieces.Recipe(STAGE, 1, {})
        self.anew = anew
        self.in_use = InUse(root / STAGE)  # nobody prunes them meanwhile

    def __call__(self, path: Path) -> str:
        """The digest of the file's content.

        Raises `OSError` when it cannot be read, `UnwritableError` when the store cannot be written.
        """
        key = self._key(path)
        if not self.anew and (known := self._known(key)):
            return known
        found = self.digest(path)
        settled = time.time() - path.stat().st_mtime > SETTLED_S
        if settled and self._key(path) == key:  # it was not written to meanwhile
            self.store.save(key, pa.table({"sha256": [found]}, schema=SCHEMA))
        return found

    def _key(self, path: Path) -> str:
        state = path.stat()
        marks = [str(path.resolve()), state.st_size, state.st_mtime_ns, state.st_ino]
        return self.recipe.key(json.dumps(marks))

    def _known(self, key: str) -> str | None:
        if not self.store.path(key).exists():
            return None
        try:
            return str(self.store.load(key)["sha256"][0])
        except UserError:  # damaged: the file itself is at hand
            return None
