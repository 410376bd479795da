"""The stage `crossvalidate`: training and validation videos alone, results where they belong."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline import tables
from pipeline.errors import UserError
from stages import crossvalidate
from tests.params import write_params
from tests.stages.small_features import OWN, D, write_features, write_manifest
from tests.test_features import manifest_row
from tests.trying import in_this_process

N = 24


def split_of(video: int) -> str:
    return {0: "validation", 1: "test"}.get(video % 4, "train")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Feature tables of 24 videos; trials in this process."""
    monkeypatch.chdir(tmp_path)
    write_features(
        tmp_path,
        N,
        split_of,
        models=["base"],
        seeds=[0, 1],
        train={"epochs": 1, "batch_size": 4},
        crossvalidate={"reference": None, "rows": {}, "folds": 3, "near_duplicates": 0.99},
    )
    in_this_process(monkeypatch)
    return tmp_path


def test_every_training_video_is_scored_and_no_test_video(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert crossvalidate.main("own").startswith("data/own/results/crossvalidation.json: 2 runs")
    result = json.loads(OWN.crossvalidation.read_text())
    assert result["n_videos"] == 18
    assert result["n_abnormal"] == 9
    assert result["folds"] == [6, 6, 6]
    assert len(result["models"]["base"]["video_auc"]["per_seed"]) == 2
    scores = tables.read(OWN.crossvalidation_scores, tables.FOLD_SCORES).to_pandas()
    scored = [f"v{video:02}" for video in range(N) if split_of(video) != "test"]
    for _, own in scores.groupby("seed"):
        assert own["video_id"].tolist() == scored
    assert scores["score"].between(0, 1).all()
    assert "18 training videos (9 abnormal) in 3 folds" in capsys.readouterr().out


def test_rows_stand_beside_the_heads(repository: Path) -> None:
    rows = {"wide": {"head": "base", "settings": {"width": 9}}, "same": {"head": "base"}}
    write_params(Path("params.yaml"), crossvalidate={"reference": "wide", "rows": rows})
    crossvalidate.main("own")
    models = json.loads(OWN.crossvalidation.read_text())["models"]
    assert list(models) == ["base", "wide", "same"]
    assert models["same"] == models["base"] != models["wide"]
    assert "difference" in models["same"]["video_auc"]
    assert "difference" not in models["wide"]["video_auc"]
    trained = list(Path("data/.pieces/trials").rglob("*.parquet"))
    assert len(trained) == 2 * 2 * 3  # variants, seeds, folds


def test_a_row_that_reads_more_changes_nothing_of_the_others(repository: Path) -> None:
    path, schema = OWN.table("text"), tables.with_video(tables.feature_piece(D))
    away = 99 * np.random.default_rng(0).normal(size=(N, D))
    alike = [  # as text, videos 2 and 3 are near-duplicates, and so on
        entry | {"feature": (away[int(entry["video_id"][1:]) // 2] + entry["snippet"]).tolist()}
        for entry in tables.read(path, schema).to_pylist()
    ]
    about = {"made_by": tables.metadata(path)["made_by"]}
    tables.write(pa.Table.from_pylist(alike, schema=schema), path, schema, about)
    write_params(Path("params.yaml"), features={"modalities": ["image"]})
    crossvalidate.main("own")
    before = json.loads(OWN.crossvalidation.read_text())
    rows = {"text": {"head": "base", "features": {"modalities": ["text"]}}}
    write_params(Path("params.yaml"), crossvalidate={"rows": rows})
    crossvalidate.main("own")
    found = json.loads(OWN.crossvalidation.read_text())
    assert found["models"].pop("text") != before["models"]["base"]
    assert found == before


def test_a_dataset_that_was_never_listed_is_told_where_to_name_it(repository: Path) -> None:
    OWN.manifest.unlink()
    with pytest.raises(UserError, match=r"dvc repro manifest@own`, and name own in `datasets`"):
        crossvalidate.main("own")


def test_a_second_run_gives_the_same_bytes(repository: Path) -> None:
    crossvalidate.main("own")
    paths = OWN.crossvalidation, OWN.crossvalidation_scores
    before = [path.read_bytes() for path in paths]
    crossvalidate.main("own")
    assert [path.read_bytes() for path in paths] == before
    for piece in Path("data/.pieces/trials").rglob("*.parquet"):
        piece.unlink()
    crossvalidate.main("own")
    assert [path.read_bytes() for path in paths] == before


def test_what_test_videos_look_like_does_not_matter(repository: Path) -> None:
    crossvalidate.main("own")
    before = OWN.crossvalidation.read_bytes()
    for stage in ("clip", "text"):
        path = OWN.table(stage)
        entries = tables.read(path).to_pylist()
        for entry in entries:
            if split_of(int(entry["video_id"][1:])) == "test":
                entry["feature"] = [value + 5 for value in entry["feature"]]
        schema = tables.with_video(tables.feature_piece(D))
        changed = pa.Table.from_pylist(entries, schema=schema)
        tables.write(changed, path, schema, {"made_by": tables.metadata(path)["made_by"]})
    crossvalidate.main("own")
    assert OWN.crossvalidation.read_bytes() == before


def test_no_training_video_is_an_error(repository: Path) -> None:
    write_manifest([manifest_row("v00", "test", [], "ok")])
    with pytest.raises(UserError, match=r"manifest\.parquet: no usable training video"):
        crossvalidate.main("own")
