"""`python -m stages.measure`: metrics of a table of scores that another program wrote."""

import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from pipeline import tables
from stages import measure, program
from stages.layout import Layout
from tests.imports import ROOT

EVENTS = {"fire": [{"start": 2, "end": 4, "category": "Fire"}]}
PLAIN = {"fire": [0.1, 0.9], "calm": [0.3, 0.2]}


def manifest_row(video_id: str, split: str, status: str) -> dict[str, object]:
    events = EVENTS.get(video_id, [])
    return {
        "video_id": video_id,
        "path": f"{video_id}.mp4",
        "sha256": "",
        "split": split,
        "categories": ["Fire"] if events else [],
        "n_frames": 4,
        "fps": 25.0,
        "width": 64,
        "height": 48,
        "way": "index",
        "n_lost": 0,
        "events": events,
        "status": status,
        "error": "",
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    rows = [
        manifest_row("fire", "test", "ok"),
        manifest_row("broken", "test", "unreadable"),
        manifest_row("seen", "train", "ok"),
        manifest_row("calm", "test", "ok"),
    ]
    about = {"categories": ["Fire"], "normal_spans": False}
    table = pa.Table.from_pylist(rows, schema=tables.MANIFEST)
    tables.write(table, Layout("demo").manifest, tables.MANIFEST, about)
    return tmp_path


def score_table(scores: dict[str, list[float]]) -> pd.DataFrame:
    rows = [(name, i, score) for name, own in scores.items() for i, score in enumerate(own)]
    return pd.DataFrame(rows, columns=["video_id", "snippet", "score"])


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_metrics_of_a_table(
    folder: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / f"theirs.{suffix}"
    table = score_table(PLAIN)
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    assert "2 test videos, 1 runs" in measure.main("demo", path)
    found = json.loads((folder / "theirs.metrics.json").read_text())["scores"]["last"]
    # frames of fire: 0.1 0.1 0.9 0.9, the last two in its event; calm: 0.3 0.3 0.2 0.2
    assert found["frame_auc"]["mean"] == 1.0
    assert found["video_auc"]["mean"] == 1.0
    assert found["map"]["avg"]["reason"] == "this head gives no category probabilities"
    assert "1.000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("scores", "complaint"),
    [
        ({"fire": [0.1, 0.9]}, "1 of 2 test videos have no score (calm)"),
        ({**PLAIN, "seen": [0.1, 0.9]}, "1 videos are no test videos (seen)"),
        ({"fire": [0.1, 0.9], "calm": [0.3]}, "calm must have the snippets 0 to 1, each once"),
        ({"fire": [0.1, float("nan")], "calm": [0.3, 0.2]}, "fire, snippet 1"),
    ],
)
def test_a_wrong_table_is_told_without_a_traceback(
    folder: Path,
    scores: dict[str, list[float]],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    score_table(scores).to_csv(folder / "theirs.csv", index=False)
    monkeypatch.setattr(sys, "argv", ["measure", "demo", "theirs.csv"])
    with pytest.raises(SystemExit) as stopped:
        program.run(measure.main, dataset=str, scores=Path)
    assert str(stopped.value).startswith("error: theirs.csv")
    assert complaint in str(stopped.value)
    assert not (folder / "theirs.metrics.json").exists()


def test_an_absent_table_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("none.csv", "none.parquet"):
        monkeypatch.setattr(sys, "argv", ["measure", "demo", name])
        with pytest.raises(SystemExit, match=f"{name} does not exist"):
            program.run(measure.main, dataset=str, scores=Path)
