"""A stage's earlier output, by which pieces of the work store are in use or made again.

After a fresh clone and `dvc pull` the store is empty, and `dvc repro` removes a stage's outputs
before it runs the stage: what was pulled is then in DVC's cache alone, named by `dvc.lock`.
DVC itself is imported where it is needed alone: that takes a second, which most runs can save.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline import tables
from pipeline.errors import UserError
from pipeline.table_files import readable

LOCK = Path("dvc.lock")


def outputs(out: Path) -> Iterator[Path]:
    """`out` where it lies, then its file, or its folder's files, as DVC's cache has them.

    Nothing for an output that `dvc.lock` does not name, or that was never pulled.
    """
    if out.exists():
        yield out
    digest = _locked(out)
    if digest is not None:
        yield from _cached(digest)


def _locked(out: Path) -> str | None:
    """The MD5 by which DVC's cache keeps `out`; with the ending `.dir` for a folder."""
    if not LOCK.exists():
        return None
    try:
        lock = YAML(typ="safe").load(LOCK) or {}
    except YAMLError as error:  # a merge conflict, say
        raise UserError(f"{LOCK} is not valid YAML: {error}; mend it, or remove it") from error
    for stage in lock.get("stages", {}).values():
        for entry in stage.get("outs", []):
            if entry["path"] == out.as_posix() and entry.get("hash") == "md5":
                return str(entry["md5"])
    return None


def _cached(digest: str) -> Iterator[Path]:
    """The file of that digest in DVC's cache, or the files of a folder's."""
    from dvc.exceptions import DvcException  # type: ignore[import-untyped]  # noqa: PLC0415
    from dvc.repo import Repo  # type: ignore[import-untyped]  # noqa: PLC0415
    from dvc_data.hashfile.hash_info import HashInfo  # noqa: PLC0415
    from dvc_data.hashfile.tree import Tree  # noqa: PLC0415
    from dvc_objects.errors import ObjectFormatError  # noqa: PLC0415

    try:
        with Repo() as repo:
            cache, files = repo.cache.local, [digest]
            if digest.endswith(".dir"):
                tree: Any = Tree.load(cache, HashInfo("md5", digest))
                files = [info.value for _, (_, info) in tree.iteritems()]
    except (DvcException, OSError, ObjectFormatError):  # no repository, or never pulled
        return
    yield from (Path(cache.oid_to_path(name)) for name in files)


def keys(out: Path) -> set[str]:
    """The keys of the pieces that `out` was put together from, here or in DVC's cache.

    Raises `UserError` for a file that does not say: its pieces may be in use.
    """
    files: list[Path] = []
    for path in outputs(out):
        files += path.glob("*.parquet") if path.is_dir() else [path] if path.exists() else []
    with ThreadPoolExecutor() as pool:
        return set[str]().union(*pool.map(_keys_in, files))


def _keys_in(file: Path) -> set[str]:
    key = tables.metadata(file).get("key")
    if key is not None:
        return {str(key)}
    with readable(file):
        return set(pq.read_table(file, columns=["key"])["key"].unique().to_pylist())


def feature_width(out: Path) -> int | None:
    """The width D of the features in a table, here or in DVC's cache; None where there is none."""
    for path in outputs(out):
        if path.exists():
            with readable(path):
                return int(pq.read_schema(path).field("feature").type.list_size)
    return None
