"""The stage `manifest`: rows of videos and of features, and what stops it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from pipeline import tables
from pipeline.errors import UserError
from stages import manifest as stage
from stages.layout import Layout
from tests.imports import ROOT
from tests.videos import write_video


def repository(root: Path, monkeypatch: pytest.MonkeyPatch, source: dict[str, object]) -> Path:
    """A folder with `params.yaml` of one source, entered; its raw folder."""
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    params["sources"] = {"mine": source}
    params["datasets"] = ["mine"]
    params["crossvalidate"]["datasets"] = []
    params["ablation"]["datasets"] = []
    params["runtime"].update({"workers": 1, "max_failed_share": 0.5})
    yaml.dump(params, root / "params.yaml")
    monkeypatch.chdir(root)
    Layout("mine").raw.mkdir(parents=True)
    return Layout("mine").raw


def test_the_stage_writes_rows_of_videos_with_events_in_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = repository(tmp_path, monkeypatch, {"adapter": "folder"})
    write_video(raw / "a.mp4", 50)
    (raw / "b.mp4").write_text("no video")
    shutil.copy(raw / "a.mp4", raw / "c.mp4")
    (raw / "videos.csv").write_text(
        "path,split,categories,events_seconds\n"
        "a.mp4,test,Fall,0.2-0.4;1.5-9\nb.mp4,train,,\nc.mp4,train,,\n"
    )
    said = stage.main("mine")
    assert said.endswith(
        "3 videos (2 train, 1 test, 1 abnormal), 1 unreadable, 1 in both splits, "
        "1 events clipped to their video; 2 computed, 0 reused, 1 left out"
    )
    rows = tables.read(Layout("mine").manifest, tables.MANIFEST).to_pylist()
    assert [row["status"] for row in rows] == ["ok", "unreadable", "ok"]
    assert [(event["start"], event["end"]) for event in rows[0]["events"]] == [(5, 10), (38, 50)]
    about = tables.metadata(Layout("mine").manifest)
    assert (about["categories"], about["normal_spans"]) == (["Fall"], False)


def test_the_stage_writes_rows_of_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = {"adapter": "features", "frames_per_feature": 16, "validation_share": 0.5}
    raw = repository(tmp_path, monkeypatch, source)
    for i, name in enumerate("abcd"):
        np.save(raw / f"{name}.npy", np.full((3, 2), i, dtype=np.float32))
    (raw / "videos.csv").write_text(
        "path,split,categories,n_frames,fps\n"
        "a.npy,train,,40,\nb.npy,validation,,,24\nc.npy,train,Fall,,\nd.npy,train,,,\n"
    )
    said = stage.main("mine")
    assert said.endswith(
        "4 videos (3 train, 1 validation, no test split, 1 abnormal); "
        "4 computed, 0 reused, 0 left out"
    )
    assert "note: validation_share draws nothing" in capsys.readouterr().err
    rows = tables.read(Layout("mine").manifest, tables.MANIFEST).to_pylist()
    assert [(row["n_frames"], row["fps"], row["width"]) for row in rows] == [
        (40, 30.0, 0),
        (48, 24.0, 0),
        (48, 30.0, 0),
        (48, 30.0, 0),
    ]
    assert len({row["sha256"] for row in rows}) == 4


def test_too_many_unreadable_files_of_features_stop_the_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = repository(tmp_path, monkeypatch, {"adapter": "features", "frames_per_feature": 16})
    names = [f"v{i}.npy" for i in range(4)]
    for name in names:
        np.save(raw / name, np.ones((3, 2), np.float32))
    rows = [f"{name},train,{'Fall' if i % 2 else ''}" for i, name in enumerate(names)]
    (raw / "videos.csv").write_text("\n".join(["path,split,categories", *rows]) + "\n")
    (raw / "v0.npy").write_bytes(b"no array")
    stage.main("mine")
    assert "left out: v0: " in capsys.readouterr().err
    for name in ("v1.npy", "v2.npy"):
        (raw / name).write_bytes(b"no array")
    with pytest.raises(UserError, match=r"manifest: 3 of 4 videos failed, more than"):
        stage.main("mine")
