"""The stage `crossvalidate`: training and validation videos alone, results where they belong."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline import config, crossvalidation, made_by, tables
from pipeline.errors import UserError
from stages import crossvalidate
from stages.layout import PARAMS, Layout
from tests.params import write_params
from tests.test_features import manifest_row

N, T, D = 24, 32, 6
OWN = Layout("own")


def split_of(video: int) -> str:
    return {0: "validation", 1: "test"}.get(video % 4, "train")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Feature tables of 24 videos; a test video's features are no numbers at all."""
    write_params(
        tmp_path / "params.yaml",
        models=["base"],
        seeds=[0, 1],
        train={"epochs": 1, "batch_size": 4},
        crossvalidate={"folds": 3, "near_duplicates": 0.99},
        runtime={"device": "cpu"},
    )
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows, entries = [], []
    for video in range(N):
        categories = ["Fire"] if video // 4 % 2 else []
        rows.append(manifest_row(f"v{video:02}", split_of(video), categories, "ok"))
        features = rng.normal(size=(T, D)).astype(np.float32)
        features += rng.normal(size=D).astype(np.float32)
        if split_of(video) == "test":
            features[:] = np.nan
        entries += [
            {"video_id": f"v{video:02}", "snippet": s, "feature": own.tolist(), "key": "k"}
            for s, own in enumerate(features)
        ]
    manifest = pa.Table.from_pylist(rows, schema=tables.MANIFEST)
    tables.write(manifest, OWN.manifest, tables.MANIFEST, {"categories": ["Fire"]})
    schema = tables.with_video(tables.feature_piece(D))
    table = pa.Table.from_pylist(entries, schema=schema)
    params = config.load(PARAMS)
    encoders = made_by.features(params.clip, params.caption, params.text, ())
    for stage, modality in (("clip", "image"), ("text", "text")):
        tables.write(table, OWN.table(stage), schema, {"made_by": encoders[modality]})
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
    scores = tables.read(OWN.crossvalidation_scores, crossvalidation.SCORES).to_pandas()
    scored = [f"v{video:02}" for video in range(N) if split_of(video) != "test"]
    for _, own in scores.groupby("seed"):
        assert own["video_id"].tolist() == scored
    assert scores["score"].between(0, 1).all()
    assert "18 training videos (9 abnormal) in 3 folds" in capsys.readouterr().out


def test_a_second_run_gives_the_same_bytes(repository: Path) -> None:
    crossvalidate.main("own")
    paths = OWN.crossvalidation, OWN.crossvalidation_scores
    before = [path.read_bytes() for path in paths]
    crossvalidate.main("own")
    assert [path.read_bytes() for path in paths] == before


def test_no_training_video_is_an_error(repository: Path) -> None:
    rows = [manifest_row("v00", "test", [], "ok")]
    manifest = pa.Table.from_pylist(rows, schema=tables.MANIFEST)
    tables.write(manifest, OWN.manifest, tables.MANIFEST, {"categories": ["Fire"]})
    with pytest.raises(UserError, match=r"manifest\.parquet: no usable training video"):
        crossvalidate.main("own")
