"""The stage's program on tables as the stages before it write them."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from ruamel.yaml import YAML

from pipeline import caption_quality, tables
from pipeline.errors import UserError
from stages import report
from stages.layout import Layout
from tests.imports import ROOT

from .parsed import parse
from .synthetic import build, jpeg

SOURCES = {
    "filmed": {"adapter": "folder"},
    "brought": {"adapter": "features", "frames_per_feature": 16},
}
FILE_ID = "v"  # file names on disk: the synthetic ids hold characters that no file name may


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `params.yaml` and both sources; no frames yet."""
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    params["sources"] |= SOURCES
    yaml.dump(params, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    for name in SOURCES:
        write(Layout(name))
    return tmp_path


def write(layout: Layout) -> None:
    results = build()
    for name, frame, path, schema in (
        ("scores", results.scores, layout.scores, tables.SCORES),
        ("manifest", results.manifest, layout.manifest, tables.MANIFEST),
    ):
        named = frame.assign(video_id=frame["video_id"].map(lambda v: FILE_ID if "<" in v else v))
        content = {"categories": results.categories} if name == "manifest" else None
        table = pa.Table.from_pandas(named, schema=schema, preserve_index=False)
        tables.write(table, path, schema, content)
    tables.write(tables.CAPTIONS.empty_table(), layout.table("captions"), tables.CAPTIONS)
    for stage in report.PER_VIDEO_STAGES:
        tables.write(tables.SKIPPED.empty_table(), layout.skipped(stage), tables.SKIPPED)
    summary = caption_quality.summary(results.captions)
    layout.caption_summary.write_text(json.dumps(summary))
    layout.metrics.write_text(json.dumps(results.metrics))
    layout.manifest_summary.write_text(json.dumps({"mislabelled": {"odd": "two labels"}}))
    layout.tsne.write_text("model,seed,video_id,category,categories,x,y\n")
    layout.tsne_summary.write_text(json.dumps(results.on_tsne))
    layout.ablation.write_text(json.dumps(results.ablation))
    for name in ("roc", "pr", "training"):
        layout.curve(name).parent.mkdir(exist_ok=True)
        getattr(results, name).to_csv(layout.curve(name), index=False)


def add_frames(layout: Layout) -> None:
    rows = [
        {"snippet": i, "start": i, "end": i + 1, "frame_index": [i], "image": [jpeg()]}
        for i in range(2)
    ]
    for video_id in ("normal", "one", FILE_ID):
        table = pa.Table.from_pylist(rows, schema=tables.FRAMES)
        tables.write(table, layout.frames_of(video_id), tables.FRAMES)


def test_a_dataset_that_brings_features_needs_no_frames(repository: Path) -> None:
    line = report.main("brought")
    page = parse(Layout("brought").report.read_text())
    assert line.startswith("data/brought/results/report.html: ")
    assert len(page.find("article")) == 3
    assert not page.find("img")
    assert "two labels" in page.text
    assert "data/brought/manifest.json" in page.text


def test_a_dataset_of_videos_shows_its_frames(repository: Path) -> None:
    add_frames(Layout("filmed"))
    report.main("filmed")
    assert len(parse(Layout("filmed").report.read_text()).find("img")) == 6


def test_lost_frames_of_a_dataset_of_videos_are_an_error(repository: Path) -> None:
    with pytest.raises(UserError, match=r"frames/.*parquet does not exist; `dvc repro` builds it"):
        report.main("filmed")


def test_empty_tables_of_an_untrained_dataset_give_a_page(repository: Path) -> None:
    layout = Layout("brought")
    tables.write(tables.SCORES.empty_table(), layout.scores, tables.SCORES)
    null = {"mean": None, "reason": "not trained: too few"}
    layout.metrics.write_text(json.dumps({"base": {"last": {"ap": null}}, "data": {}, "note": ""}))
    for name, columns in (
        ("roc", "fpr,tpr"),
        ("pr", "recall,precision"),
        ("training", "epoch,loss"),
    ):
        layout.curve(name).write_text(f"model,seed,{columns}\n")
    report.main("brought")
    page = parse(layout.report.read_text())
    assert "There are no scores to draw. base: not trained: too few." in page.text
    assert not page.find("article")


def test_settings_name_only_this_dataset(repository: Path) -> None:
    report.main("brought")
    settings = parse(Layout("brought").report.read_text()).find("pre")[0].text
    assert "adapter: features" in settings
    assert "adapter: folder" not in settings
