"""A store that is empty, or was lost, is refilled from what stages once wrote."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline import config, pieces, tables
from pipeline.datasets import manifest
from pipeline.digests import sha256_of
from pipeline.errors import UserError
from stages import earlier, refilling
from stages.layout import PARAMS
from tests.stages.small_dataset import (
    OWN,
    STORE,
    attempt,
    counts,
    digests,
    run,
    settings,
    write_videos,
)
from tests.stages.small_graph import repro, said, start, write_graph

STAGES = ("manifest", "decode", "clip", "caption", "text")
CONTENT = {"v0": 0, "v1": 1, "v2": 2}


def git(folder: Path, *arguments: str) -> str:
    me = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    return said(start(folder, "git", *me, *arguments))


def dvc(folder: Path, *arguments: str) -> str:
    return said(start(folder, "dvc", *arguments))


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with three videos, all built, committed and pushed."""
    folder = tmp_path_factory.mktemp("origin")
    settings(folder)
    write_graph(folder)
    write_videos(folder.parent / "raw", CONTENT)
    (folder / OWN.folder).mkdir(parents=True)
    (folder / OWN.raw).symlink_to(folder.parent / "raw")
    dvc(folder, "remote", "add", "--default", "pushed", str(folder.parent / "pushed"))
    dvc(folder, "repro")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "built")
    dvc(folder, "push")
    return folder


@pytest.fixture
def clone(origin: Path, tmp_path: Path) -> Path:
    """A fresh clone with the raw videos at hand and DVC's cache in another place."""
    git(tmp_path, "clone", "--quiet", str(origin), "clone")
    folder = tmp_path / "clone"
    (folder / OWN.folder).mkdir(parents=True)
    (folder / OWN.raw).symlink_to(origin.parent / "raw")
    (folder / ".dvc/config.local").write_text(f"[cache]\n    dir = {tmp_path / 'elsewhere'}\n")
    return folder


def test_one_more_video_after_a_pull_computes_one_video(clone: Path, tmp_path: Path) -> None:
    dvc(clone, "pull")
    assert not (clone / STORE).exists()
    raw = tmp_path / "raw"
    write_videos(raw, CONTENT | {"v3": 3})
    (clone / OWN.raw).unlink()
    (clone / OWN.raw).symlink_to(raw)
    assert "probe: 3 pieces refilled from the earlier output" in repro(clone, "manifest")
    for stage in STAGES[1:]:
        text = repro(clone, stage)
        assert f"{stage}: 3 pieces refilled from the earlier output" in text
        assert counts(text) == (1, 3, 0)


def test_pieces_refilled_are_those_that_were_computed(
    origin: Path, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dvc(clone, "pull")
    text = said(start(clone, "python", "-m", "stages.store", "refill", "own"))
    assert "12 pieces of own refilled, 0 were there" in text
    monkeypatch.chdir(clone)
    reader = manifest.reader(config.load(PARAMS).source("own"), config.load(PARAMS).decode)
    store = pieces.Store(STORE, "probe", tables.PROBE)
    wanted = {path.stem for path in (origin / STORE / "probe").rglob("*.parquet")}
    assert len(wanted) == 3
    assert refilling.refill_probes(reader.recipe, OWN.manifest, store, wanted) == wanted
    computed = digests(origin / STORE)
    for name, digest in digests(clone / STORE).items():
        assert computed[name] == digest, name
    assert len(digests(clone / STORE)) == 15


def test_what_was_never_pulled_is_computed(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "refilled" not in run(clone, "manifest")
    assert counts(run(clone, "decode")) == (3, 0, 0)
    monkeypatch.chdir(clone)
    assert earlier.keys(OWN.table("clip")) == set()
    assert [path for path in earlier.outputs(OWN.table("clip")) if path.exists()] == []


def test_a_damaged_object_of_the_cache_is_named_and_passed_over(clone: Path) -> None:
    dvc(clone, "pull", "manifest@own", "decode@own")
    frames = sorted((clone / OWN.frames).iterdir())[0]
    whole = frames.read_bytes()
    cached = [p for p in clone.parent.glob("elsewhere/**/*") if p.is_file()]
    (same,) = [path for path in cached if path.read_bytes() == whole]
    same.chmod(0o644)
    same.write_bytes(whole[:50] + bytes([whole[50] ^ 1]) + whole[51:])
    said(start(clone, "rm", "-r", str(OWN.frames)))
    text = run(clone, "decode")
    assert counts(text) == (1, 2, 0)
    assert f"note: {same} refills nothing" in text


def test_only_probes_by_the_same_recipe_are_taken(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(origin)
    params = config.load(PARAMS)
    recipe = manifest.reader(params.source("own"), params.decode).recipe
    store = pieces.Store(tmp_path, "probe", tables.PROBE)
    newer = replace(recipe, version=recipe.version + 1)
    for each, expected in ((newer, 0), (recipe, 3)):
        wanted = {each.key(sha256_of(path)) for path in OWN.raw.glob("*.mp4")}
        assert len(refilling.refill_probes(each, OWN.manifest, store, wanted)) == expected


def test_a_salvaged_video_s_probe_says_its_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = pieces.Recipe("probe", 1, {})
    probe = {f.name: "x" if f.type == pa.string() else 7 for f in tables.PROBE}
    row = {"video_id": "a", "path": "a", "sha256": "00", "split": "test", "categories": []}
    row |= probe | {"events": [], "status": "salvaged", "error": "cut"}
    del row["damage"]
    lost = {"video_id": "b", "sha256": "11", "status": "unreadable", "error": "x"}
    rows = [row, row | lost]
    path = tmp_path / "manifest.parquet"
    table = pa.Table.from_pylist(rows, schema=tables.MANIFEST)
    tables.write(table, path, tables.MANIFEST, {"probed_by": refilling.probe_mark(recipe)})
    store = pieces.Store(tmp_path, "probe", tables.PROBE)
    keys = {name: recipe.key(name) for name in ("00", "11")}
    assert refilling.refill_probes(recipe, path, store, keys.values()) == {keys["00"]}
    assert store.load(keys["00"]).to_pylist() == [probe | {"damage": "cut"}]


def test_a_lock_in_conflict_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dvc.lock").write_text("<<<<<<< ours\na: 1\n=======\na: 2\n>>>>>>> theirs\n")
    with pytest.raises(UserError, match=r"dvc\.lock is not valid YAML"):
        list(earlier.outputs(OWN.manifest))


def test_without_a_repository_nothing_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(earlier.outputs(OWN.manifest)) == []
    Path("dvc.lock").write_text(
        "stages:\n  manifest@own:\n    outs:\n"
        f"    - {{path: {OWN.manifest}, hash: md5, md5: '00'}}\n"
    )
    assert list(earlier.outputs(OWN.manifest)) == []
    settings(tmp_path)
    write_videos(OWN.raw, {"v0": 0})
    assert attempt(tmp_path, "manifest").returncode == 0
