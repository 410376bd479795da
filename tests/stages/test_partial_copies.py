"""Real clips of UCF-Crime and XD-Violence, a few of each, all the way to metrics.json."""

import json
from pathlib import Path
from typing import Any

import pytest

from stages import ablation, caption, clip, decode, evaluate, manifest, report, text, train, tsne
from stages.layout import Layout
from tests.imports import ROOT
from tests.params import write_params

PER_VIDEO = (decode, clip, caption, text)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_params(
        tmp_path / "params.yaml", seeds=[0], runtime={"workers": 1}, evaluate={"resamples": 20}
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def all_the_way(dataset: str) -> dict[str, Any]:
    """metrics.json of the dataset."""
    layout = Layout(dataset)
    manifest.main(dataset)
    for stage in PER_VIDEO:
        stage.main(dataset)
    for model in ("refinevad", "base"):
        train.main(dataset, model, 0)
    evaluate.main(dataset)
    tsne.main(dataset)
    ablation.main(dataset)  # not asked for: says so
    report.main(dataset)
    assert "<svg" in layout.report.read_text() or "not trained" in layout.report.read_text()
    return dict(json.loads(layout.metrics.read_text()))


def test_ucf_crime_with_three_test_videos(folder: Path, shared_data: Path) -> None:
    raw = Layout("ucf_crime").raw
    raw.mkdir(parents=True)
    (raw / "lists").symlink_to(shared_data / "ucf_crime/annotations")
    for name in ("Arson009_x264.mp4", "Explosion016_x264.mp4", "Normal_Videos_641_x264.mp4"):
        (raw / name).symlink_to(shared_data / "ucf_crime/videos" / name)
    metrics = all_the_way("ucf_crime")
    assert metrics["data"] == {
        "n_train": 0,
        "n_validation": 0,
        "n_test": 3,
        "test_frames": 743 + 963 + 3600,
        "abnormal_test_frames": (315 - 220) + (450 - 180),
        "gt_length": "frames",
        "left_out": 0,
        "missing": 1897,
        "unlisted": 0,
        "duplicated": 0,
        "mislabelled": 0,
        "in_both_splits": 0,
        "events_clipped": 0,
        "events_dropped": 0,
        "map_classes": {"map": 2, "map_compat": 14},
    }
    assert 0 <= metrics["floors"]["mean_motion"]["frame_auc"]["mean"] <= 1
    untrained = metrics["refinevad"]["last"]["frame_auc"]
    assert untrained["mean"] is None
    assert "the train split has 0 normal and 0 abnormal ones" in untrained["reason"]
    named = json.loads(Layout("ucf_crime").manifest_summary.read_text())
    assert len(named["missing"]) == 1897
    assert "Abuse001_x264" in named["missing"]


def test_xd_violence_with_the_example_clips(folder: Path, shared_data: Path) -> None:
    raw = Layout("xd_violence").raw
    raw.parent.mkdir(parents=True)
    raw.symlink_to(shared_data / "xd_violence")
    metrics = all_the_way("xd_violence")
    assert metrics["data"]["n_test"] == 8
    assert metrics["data"]["without_events"] == 6
    assert metrics["data"]["missing"] == 500
    assert metrics["data"]["mislabelled"] == 6  # abnormal, but in no line of the annotation
    motion = metrics["floors"]["mean_motion"]
    assert 0 <= motion["video_auc"]["mean"] <= 1
    assert motion["frame_auc"]["mean"] is None
    assert "6 abnormal videos have no annotated event" in motion["frame_auc"]["reason"]


def test_the_repository_s_labels_are_those_of_the_clips(shared_data: Path) -> None:
    listed = (shared_data / "xd_violence/videos.csv").read_text().splitlines()[1:]
    labels = {Path(row.split(",")[0]).stem: row.split(",")[6] for row in listed}
    codes = {
        "abuse": "B5", "car_accident": "B6", "explosion": "G", "fighting": "B1",
        "normal": "A", "riot": "B4", "shooting": "B2",
    }  # fmt: skip
    text_of_params = (ROOT / "params.yaml").read_text()
    for name, label in labels.items():
        assert f"      {name}: [{codes[label]}]\n" in text_of_params
