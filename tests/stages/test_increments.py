"""A video added, changed, renamed or removed: only what must be is computed."""

import re
import shutil
from pathlib import Path

import pytest

from pipeline import tables
from stages import caption, clip, decode, manifest, text
from stages.layout import Layout
from tests.params import write_params
from tests.stages.small_dataset import (
    COMPILED,
    OWN,
    STORE,
    counts,
    digests,
    list_videos,
    run,
    settings,
    write_videos,
)
from tests.stages.test_repro import clone
from tests.stages.test_repro import run as run_command
from tests.videos import write_video

STAGES = {"decode": decode, "clip": clip, "caption": caption, "text": text}
BASE = {"a": 1, "b": 2, "c": 3, "d": 4}  # seeds of videos by name
NOTHING = dict.fromkeys(("probe", *STAGES), 0)
ONE_EACH = dict.fromkeys(NOTHING, 1)


def compute(dataset: str = "own") -> dict[str, tuple[int, int, int]]:
    """Run the stages up to `text`: by stage, pieces computed, reused and left out as it says."""
    manifest.main(dataset)
    return {name: counts(stage.main(dataset)) for name, stage in STAGES.items()}


def pieces() -> dict[Path, tuple[int, int]]:
    """Every piece in the store with what changes when it is written: its inode and time."""
    found = {path: path.stat() for path in STORE.glob("*/*/*.parquet")}
    return {path: (state.st_ino, state.st_mtime_ns) for path, state in found.items()}


def written(before: dict[Path, tuple[int, int]]) -> dict[str, int]:
    """How many pieces of each stage were written since; none that was there may be."""
    after = pieces()
    assert {path: state for path, state in after.items() if path in before} == before
    new = [path.parts[len(STORE.parts)] for path in after if path not in before]
    return {stage: new.count(stage) for stage in NOTHING}


@pytest.fixture(autouse=True)
def compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", COMPILED.name)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of four videos with everything computed."""
    folder = tmp_path_factory.mktemp("base")
    settings(folder, decode={"snippets": 8, "frames_per_snippet": 4})
    write_videos(folder / OWN.raw, BASE)
    run(folder, "manifest")
    assert {name: counts(run(folder, name)) for name in STAGES} == dict.fromkeys(STAGES, (4, 0, 0))
    return folder


@pytest.fixture
def folder(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the dataset with everything computed, entered."""
    shutil.copytree(base, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def forget_all() -> None:
    """Remove everything but the raw videos."""
    shutil.rmtree(STORE)
    for path in OWN.folder.iterdir():
        if path != OWN.raw:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def add(raw: Path) -> None:
    write_videos(raw, BASE | {"e": 5})


def change(raw: Path) -> None:
    (raw / "b.mp4").unlink()
    write_videos(raw, BASE | {"b": 9, "e": 5})


def rename(raw: Path) -> None:
    (raw / "c.mp4").rename(raw / "x.mp4")
    list_videos(raw, [path.stem for path in sorted(raw.glob("*.mp4"))])


def remove(raw: Path) -> None:
    (raw / "a.mp4").unlink()
    list_videos(raw, ["b", "d", "e", "x"])


def unlist(raw: Path) -> None:
    list_videos(raw, ["b", "d", "x"])


STEPS = (
    ("nothing", lambda raw: None, (0, 4, 0), NOTHING),
    ("add e", add, (1, 4, 0), ONE_EACH),
    ("change b", change, (1, 4, 0), ONE_EACH),
    ("rename c", rename, (0, 5, 0), NOTHING),
    ("remove a", remove, (0, 4, 0), NOTHING),
    ("unlist e", unlist, (0, 3, 0), NOTHING),
)


def test_only_what_must_be_is_computed_and_it_comes_to_the_same(folder: Path) -> None:
    for step, act, said, new in STEPS:
        before = pieces()
        act(OWN.raw)
        assert compute() == dict.fromkeys(STAGES, said), step
        assert written(before) == new, step
        listed = tables.read(OWN.manifest, tables.MANIFEST)["video_id"].to_pylist()
        for name in ("clip", "captions", "text"):
            ids = tables.read(OWN.table(name))["video_id"].to_pylist()
            assert list(dict.fromkeys(ids)) == listed, (step, name)
    grown = digests(OWN.folder)
    forget_all()
    assert compute() == dict.fromkeys(STAGES, (3, 0, 0))
    assert {name: grown[name] for name in digests(OWN.folder)} == digests(OWN.folder)


def test_the_manifest_says_how_many_videos_it_probed(folder: Path) -> None:
    add(OWN.raw)
    assert counts(manifest.main("own")) == (1, 4, 0)


def test_the_frames_of_a_video_that_is_gone_are_gone(folder: Path) -> None:
    rename(OWN.raw)
    manifest.main("own")
    decode.main("own")
    assert sorted(path.stem for path in OWN.frames.iterdir()) == ["a", "b", "d", "x"]


def test_a_video_that_cannot_be_read_any_more_leaves_nothing_behind(folder: Path) -> None:
    (OWN.raw / "b.mp4").write_bytes(b"no video")
    assert compute() == dict.fromkeys(STAGES, (0, 3, 0))
    for table in ("clip", "captions", "text"):
        assert "b" not in tables.read(OWN.table(table))["video_id"].to_pylist()


def test_a_parameter_changed_and_changed_back_computes_nothing(folder: Path) -> None:
    first, before = digests(OWN.folder), pieces()
    write_params(Path("params.yaml"), decode={"jpeg_quality": 50})
    assert counts(decode.main("own")) == (4, 0, 0)
    assert written(before) == NOTHING | {"decode": 4}
    assert digests(OWN.folder) != first
    write_params(Path("params.yaml"), decode={"jpeg_quality": 90})
    assert compute() == dict.fromkeys(STAGES, (0, 4, 0))
    assert digests(OWN.folder) == first


def test_a_parameter_of_one_stage_computes_that_stage_alone(folder: Path) -> None:
    before = pieces()
    write_params(Path("params.yaml"), clip={"seed": 7})
    manifest.main("own")
    said = [counts(stage.main("own")) for stage in (decode, clip, caption)]
    assert said == [(0, 4, 0), (4, 0, 0), (0, 4, 0)]
    assert written(before) == NOTHING | {"clip": 4}


def test_how_it_is_computed_changes_nothing(folder: Path) -> None:
    first, before = digests(OWN.folder), pieces()
    write_params(Path("params.yaml"), runtime={"workers": 1, "batch_size": 3, "recycle_after": 1})
    assert compute() == dict.fromkeys(STAGES, (0, 4, 0))
    assert written(before) == NOTHING
    assert digests(OWN.folder) == first


def test_datasets_that_share_videos_share_pieces(folder: Path) -> None:
    before = pieces()
    twin = Layout("twin")
    write_params(Path("params.yaml"), sources={"twin": {"adapter": "folder"}})
    twin.raw.mkdir(parents=True)
    (twin.raw / "other name.mp4").symlink_to((OWN.raw / "a.mp4").resolve())
    shutil.copy(OWN.raw / "b.mp4", twin.raw / "b.mp4")
    write_video(twin.raw / "new.mp4", 50, seed=20)
    list_videos(twin.raw, ["b", "new", "other name"])
    manifest.main("twin")
    assert [counts(stage.main("twin")) for stage in (decode, clip)] == [(1, 2, 0)] * 2
    assert written(before) == NOTHING | {"probe": 1, "decode": 1, "clip": 1}


def test_under_dvc_a_removed_video_that_comes_back_computes_nothing(tmp_path: Path) -> None:
    repository = clone(tmp_path / "clone")
    settings(repository)
    raw = repository / OWN.raw
    write_videos(raw, BASE)
    first = run_command(repository, "dvc", "repro", "clip", "text")
    assert first.count("4 computed, 0 reused, 0 left out") >= len(STAGES)
    whole = digests(repository / OWN.folder)
    list_videos(raw, ["a", "b", "d"])
    less = run_command(repository, "dvc", "repro", "clip", "text")
    assert less.count("0 computed, 3 reused, 0 left out") >= len(STAGES)
    assert sorted(path.stem for path in (repository / OWN.frames).iterdir()) == ["a", "b", "d"]
    list_videos(raw, BASE)
    again = run_command(repository, "dvc", "repro", "clip", "text")
    assert not re.search(r"[1-9]\d* computed", again)
    assert digests(repository / OWN.folder) == whole
