"""The programs beside the graph: check, gate, show."""

import json
import shutil
from pathlib import Path

import pytest

from pipeline.errors import UserError
from stages import check, gate, program, show
from stages.layout import Layout
from tests.imports import ROOT

METRIC = {"mean": 0.75, "std": 0.01, "per_seed": [0.74, 0.76]}
UNDEFINED = {"mean": None, "reason": "no event is annotated"}
NAMES = ("frame_auc", "ano_auc", "ap", "video_auc")
METRICS = {
    "base": {
        name: dict.fromkeys(NAMES[:3], UNDEFINED) | {"video_auc": METRIC}
        for name in ("last", "best_on_test")
    },
    "floors": {
        "mean_motion": dict.fromkeys(NAMES[:3], UNDEFINED)
        | {"video_auc": {"mean": 0.5, "std": 0.0, "per_seed": [0.5]}}
    },
    "data": {},
    "note": "What it means.",
}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    path = Layout("demo").metrics
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(METRICS))
    return tmp_path


def test_show_prints_numbers_gaps_and_paths(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show.main()
    out = capsys.readouterr().out
    assert "base, last" in out
    assert "0.750 ± 0.010" in out
    assert "0.500\n" in out
    assert out.count("-  no event is annotated") == 1
    assert "What it means." in out
    assert str(Layout("demo").report) in out


def reference(folder: Path, value: float) -> Path:
    path = folder / "reference.json"
    path.write_text(json.dumps({"base.last.video_auc.mean": {"value": value, "tolerance": 0.02}}))
    return path


def test_the_gate_passes_noise_and_fails_a_drop(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gate.main("demo", reference(repository, 0.765)) == "1 metrics hold"
    with pytest.raises(SystemExit, match="1 of 1 metrics dropped"):
        gate.main("demo", reference(repository, 0.78))
    assert "DROPPED" in capsys.readouterr().out


def test_the_gate_says_what_it_cannot_read(repository: Path) -> None:
    with pytest.raises(UserError, match=r"none\.json does not exist"):
        gate.main("demo", Path("none.json"))
    with pytest.raises(UserError, match="`dvc repro` writes it"):
        gate.main("fights", reference(repository, 0.5))


def test_check_names_an_unknown_dataset_and_a_missing_folder(repository: Path) -> None:
    with pytest.raises(UserError, match="'foo' is not in `sources`"):
        check.main("foo")
    with pytest.raises(UserError, match="data/own/raw is not a folder"):
        check.main("own")
    (repository / "data/own/raw").mkdir(parents=True)
    assert check.main("own") == "data/own/raw: 0 files"


def test_a_user_error_ends_a_program_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def main(dataset: str) -> str:
        raise UserError(f"{dataset} is missing")

    monkeypatch.setattr("sys.argv", ["stage", "demo"])
    with pytest.raises(SystemExit, match="error: demo is missing"):
        program.run(main, dataset=str)
