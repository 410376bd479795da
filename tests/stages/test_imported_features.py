"""Features that a user brings, through the stages from manifest to text: no video, no encoder."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pipeline import features, tables
from pipeline.errors import UserError
from stages import caption, clip, decode, manifest, text
from stages.layout import Layout
from tests.imports import ROOT
from tests.params import write_params
from tests.test_imported import by_plain_loops

T, CROPS = 8, 3
OWN = Layout("mine")
STAGES = (manifest, decode, clip, caption, text)
COLUMNS = "path,split,categories,n_frames\n"


def brought(video: int, width: int, crops: int = CROPS) -> npt.NDArray[np.float32]:
    """(n, crops, D), with a length of its own."""
    rng = np.random.default_rng(video)
    return rng.normal(size=(int(rng.integers(1, 40)), crops, width)).astype(np.float32)


IMAGE = {f"v{i}": brought(i, 6) for i in range(5)}
TEXT = {name: brought(100 + i, 4) for i, name in enumerate(IMAGE)}


def save(path: Path, array: npt.NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npz":
        np.savez(path, features=array)
    else:
        np.save(path, array)


def name_of(video: str) -> str:
    """The file below a modality's folder: one is an `.npz`, in a sub-folder."""
    return "night/v2.npz" if video == "v2" else f"{video}.npy"


def start(folder: Path, **source: Any) -> None:
    """A repository's `params.yaml` with one source, which brings features."""
    shutil.copy(ROOT / "params.yaml", folder)
    write_params(
        folder / "params.yaml",
        datasets=["mine"],
        sources={"mine": {"adapter": "features", **source}},
        decode={"snippets": T},
        runtime={"workers": 1, "max_failed_share": 0.34, "device": "cpu"},
    )


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five videos with image and text features; a sixth whose image features are damaged."""
    start(tmp_path, folders={"image": "rgb", "text": "words"}, crops_axis=1, fps=24.0)
    monkeypatch.chdir(tmp_path)
    lines = []
    for i, video in enumerate(IMAGE):
        save(OWN.raw / "rgb" / name_of(video), IMAGE[video])
        save(OWN.raw / "words" / name_of(video), TEXT[video])
        category = "Fire" if i % 2 else ""
        lines.append(f"{name_of(video)},{'test' if i > 2 else 'train'},{category},{100 + i}\n")
    (OWN.raw / "rgb" / "broken.npy").write_bytes(b"no array")
    lines.append("broken.npy,train,,500\n")
    (OWN.raw / "videos.csv").write_text(COLUMNS + "".join(lines))
    return tmp_path


def run(*stages: ModuleType) -> list[str]:
    return [stage.main("mine") for stage in stages]


def check_table(path: Path, expected: dict[str, npt.NDArray[np.float32]]) -> None:
    ids, found, _ = tables.read_features(path)
    assert ids == sorted(expected)
    for video, own in zip(ids, found, strict=True):
        oracle = by_plain_loops(expected[video], T)
        np.testing.assert_allclose(own, oracle, rtol=1e-5, atol=1e-6, err_msg=video)


def test_the_way_from_files_to_tables(repository: Path) -> None:
    said = run(*STAGES)
    rows = {row["video_id"]: row for row in tables.read(OWN.manifest, tables.MANIFEST).to_pylist()}
    assert sorted(rows) == ["broken", *IMAGE]
    assert rows["broken"]["status"] == "unreadable"
    assert "broken.npy cannot be read" in rows["broken"]["error"]
    assert [rows[video]["n_frames"] for video in IMAGE] == [100, 101, 102, 103, 104]
    assert rows["v2"]["fps"] == 24
    check_table(OWN.table("clip"), IMAGE)
    check_table(OWN.table("text"), TEXT)
    assert list(OWN.frames.iterdir()) == []
    assert tables.read(OWN.table("captions"), tables.CAPTIONS).num_rows == 0
    for stage in ("decode", "clip", "caption", "text"):
        assert tables.read(OWN.skipped(stage), tables.SKIPPED).num_rows == 0
    assert said[2] == "data/mine/clip.parquet: 5 computed, 0 reused, 0 left out"
    videos = features.load(OWN.manifest, OWN.feature_tables(["image", "text"], ["image", "text"]))
    assert videos.features.shape == (5, T, 10)
    assert videos.layout.categories == ["Fire"]


def test_a_second_run_computes_nothing_and_a_changed_file_one_video(repository: Path) -> None:
    run(*STAGES)
    before = {name: OWN.table(name).read_bytes() for name in ("clip", "text")}
    again = run(*STAGES)
    assert "0 computed, 5 reused" in again[2]
    assert "0 computed, 5 reused" in again[4]
    assert {name: OWN.table(name).read_bytes() for name in before} == before
    save(OWN.raw / "words" / name_of("v1"), TEXT["v1"] + 1)
    _, _, image, _, words = run(*STAGES)
    assert "0 computed, 5 reused" in image
    assert "1 computed, 4 reused" in words
    check_table(OWN.table("text"), {**TEXT, "v1": TEXT["v1"] + 1})
    write_params(repository / "params.yaml", decode={"snippets": 4})
    assert "5 computed, 0 reused" in run(clip)[0]
    write_params(repository / "params.yaml", decode={"snippets": T})
    assert "0 computed, 5 reused" in run(clip)[0]
    assert OWN.table("clip").read_bytes() == before["clip"]


def remove(path: Path) -> None:
    path.unlink()


def widen(path: Path) -> None:
    save(path, brought(9, 5))


def spoil(path: Path) -> None:
    array = np.load(path)
    array[0, 0, 0] = np.nan
    save(path, array)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (remove, "words/v3.npy does not exist"),
        (widen, "width 5, data/mine/raw/words/v0.npy of 4"),
        (spoil, "holds NaN"),
    ],
)
def test_a_video_whose_text_is_unfit_is_left_out_with_the_reason(
    harm: Callable[[Path], None], reason: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    harm(OWN.raw / "words" / "v3.npy")
    said = run(*STAGES)
    assert said[4].endswith("4 computed, 0 reused, 1 left out")
    (row,) = tables.read(OWN.skipped("text"), tables.SKIPPED).to_pylist()
    assert (row["video_id"], row["stage"]) == ("v3", "text")
    assert reason in row["error"]
    assert f"left out: v3: {row['error']}" in capsys.readouterr().err
    check_table(OWN.table("text"), {name: own for name, own in TEXT.items() if name != "v3"})
    check_table(OWN.table("clip"), IMAGE)


def test_two_videos_whose_text_is_absent_have_a_reason_each(repository: Path) -> None:
    write_params(repository / "params.yaml", runtime={"max_failed_share": 0.5})
    for video in ("v0", "v3"):  # v0 would give the width
        (OWN.raw / "words" / f"{video}.npy").unlink()
    run(*STAGES)
    skipped = tables.read(OWN.skipped("text"), tables.SKIPPED).to_pylist()
    assert [row["video_id"] for row in skipped] == ["v0", "v3"]
    assert all(f"{row['video_id']}.npy does not exist" in row["error"] for row in skipped)


def test_too_many_unfit_videos_stop_the_stage(repository: Path) -> None:
    run(manifest)
    for video in ("v0", "v1"):
        (OWN.raw / "rgb" / f"{video}.npy").unlink()
    with pytest.raises(UserError, match=r"2 of 5 videos failed[\s\S]*v0.npy does not exist"):
        run(clip)


def test_image_features_changed_since_the_manifest_are_refused(repository: Path) -> None:
    run(manifest)
    save(OWN.raw / "rgb" / "v0.npy", IMAGE["v0"] + 1)
    assert run(clip)[0].endswith("4 computed, 0 reused, 1 left out")
    (row,) = tables.read(OWN.skipped("clip"), tables.SKIPPED).to_pylist()
    assert "v0.npy has changed since the manifest" in row["error"]


def test_a_modality_that_is_not_brought_is_a_table_without_rows(repository: Path) -> None:
    start(repository, folders={"text": "words"}, crops_axis=1)
    save(OWN.raw / "words" / "broken.npy", TEXT["v0"])
    run(*STAGES)
    empty = tables.read(OWN.table("clip"))
    assert empty.num_rows == 0
    tables.check(empty, tables.with_video(tables.feature_piece(1)), "clip")
    check_table(OWN.table("text"), {**TEXT, "broken": TEXT["v0"]})
    given = OWN.feature_tables(["image", "text"], ("text",))
    assert given == {"text": OWN.table("text")}
    assert features.load(OWN.manifest, given).layout.widths == {"text": 4}


def test_the_modalities_of_a_dataset_by_hand() -> None:
    both = {"text": OWN.table("text"), "image": OWN.table("clip")}
    found = OWN.feature_tables(["text", "image"], ("image", "text"))
    assert list(found.items()) == list(both.items())
    assert list(OWN.feature_tables(["image"], ("image", "text"))) == ["image"]
    with pytest.raises(UserError, match=r"features\.modalities is \['text'\], but 'mine' brings o"):
        OWN.feature_tables(["text"], ("image",))


def test_real_features_in_one_table(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(
        tmp_path,
        table="train.parquet",
        columns={"path": "video_id", "categories": "category"},
    )
    write_params(tmp_path / "params.yaml", decode={"snippets": 32})
    monkeypatch.chdir(tmp_path)
    OWN.folder.mkdir(parents=True)
    OWN.raw.symlink_to(shared_data / "ucf_crime" / "c3d")
    said = run(*STAGES)
    assert json.loads(OWN.manifest_summary.read_text())["n_videos"] == 244
    assert said[2].endswith("244 computed, 0 reused, 0 left out")
    ids, found, _ = tables.read_features(OWN.table("clip"))
    of = dict(zip(ids, found, strict=True))
    for file in (shared_data / "ucf_crime" / "c3d_npy").glob("*.npy"):
        assert (of[file.stem] == np.load(file).astype(np.float16)).all()
