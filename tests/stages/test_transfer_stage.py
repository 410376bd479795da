"""The stage `transfer` between two datasets with different categories."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from pipeline import checkpoint, config, made_by, tables
from pipeline.errors import UserError
from pipeline.training import predict
from pipeline.training.watching import weights_of
from stages import feature_tables, train, transfer
from stages.layout import PARAMS, Layout
from tests.params import write_params
from tests.test_features import manifest_row

N, T, D = 16, 32, 6
A, B = Layout("demo"), Layout("own")
CATEGORIES = {"demo": ["Fire", "Panic"], "own": ["Fall", "Fire", "Theft"]}


def build(layout: Layout, seed: int) -> None:
    """Manifest and feature tables of random videos, the abnormal ones a little brighter."""
    rng = np.random.default_rng(seed)
    names = CATEGORIES[layout.name]
    rows, entries = [], []
    for video in range(N):
        categories = [names[video // 2 % len(names)]] if video % 2 else []
        split = "test" if video >= N - 6 else "train"
        row = manifest_row(f"{layout.name}{video:02}", split, categories, "ok")
        rows.append({**row, "n_frames": 64})
        features = rng.normal(size=(T, D)) + (video % 2)
        entries += [
            {"video_id": row["video_id"], "snippet": s, "feature": own.tolist(), "key": "k"}
            for s, own in enumerate(features)
        ]
    manifest = pa.Table.from_pylist(rows, schema=tables.MANIFEST)
    tables.write(manifest, layout.manifest, tables.MANIFEST, {"categories": names})
    schema = tables.with_video(tables.feature_piece(D))
    params = config.load(PARAMS)
    encoders = made_by.features(params.clip, params.caption, params.text, ())
    for stage, modality in (("clip", "image"), ("text", "text")):
        table = pa.Table.from_pylist(entries, schema=schema)
        tables.write(table, layout.table(stage), schema, {"made_by": encoders[modality]})


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_params(
        tmp_path / "params.yaml",
        datasets=["demo", "own"],
        models=["refinevad", "base"],
        seeds=[0, 1],
        train={"epochs": 1, "batch_size": 4},
        runtime={"device": "cpu"},
    )
    monkeypatch.chdir(tmp_path)
    for seed, layout in enumerate((A, B)):
        build(layout, seed)
        for model in ("refinevad", "base"):
            for number in (0, 1):
                train.main(layout.name, model, number)
    return tmp_path


def test_three_ways_to_another_dataset(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert transfer.main("demo", "own").startswith("data/own/results/transfer/demo.json: 5 rows")
    assert "refinevad: CORE frozen, last" in capsys.readouterr().out
    first = B.transfer("demo").read_bytes()
    result = json.loads(first)
    assert (result["source"], result["target"], result["n_test"]) == ("demo", "own", 6)
    rows = result["rows"]
    assert list(rows) == [
        "base: trained on target",
        "base: no training",
        "refinevad: trained on target",
        "refinevad: CORE frozen",
        "refinevad: no training",
    ]
    assert list(rows["base: no training"]) == ["last"]
    assert "best_on_test" in rows["refinevad: CORE frozen"]
    assert len(rows["refinevad: CORE frozen"]["last"]["frame_auc"]["per_seed"]) == 2
    transfer.main("demo", "own")
    assert B.transfer("demo").read_bytes() == first


def test_no_training_is_the_sources_head_as_it_is(repository: Path) -> None:
    transfer.main("demo", "own")
    rows = json.loads(B.transfer("demo").read_text())["rows"]
    params = config.load(PARAMS)
    expected = made_by.features(params.clip, params.caption, params.text, ())
    test = feature_tables.load(B, ["image", "text"], expected)[0].split("test")
    head, _ = checkpoint.load(A.model("refinevad", 1), "last")
    scores, _ = predict(head, test.features, torch.device("cpu"))
    bags = scores.topk(3, dim=1).values.mean(dim=1)
    abnormal = test.targets.abnormal
    wins = (bags[abnormal][:, None] > bags[~abnormal][None]).float().mean().item()
    found = rows["refinevad: no training"]["last"]["video_auc"]["per_seed"][1]
    assert found == pytest.approx(wins)


def of_split(layout: Layout, split: str) -> None:
    """All videos of one split, heads trained on what is left."""
    rows = [
        {**row, "split": split} for row in tables.read(layout.manifest, tables.MANIFEST).to_pylist()
    ]
    manifest = pa.Table.from_pylist(rows, schema=tables.MANIFEST)
    names = {"categories": CATEGORIES[layout.name]}
    tables.write(manifest, layout.manifest, tables.MANIFEST, names)
    for model in ("refinevad", "base"):
        for seed in (0, 1):
            shutil.rmtree(layout.model(model, seed))
            train.main(layout.name, model, seed)


def test_a_target_without_training_videos_still_has_the_sources_heads(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_split(B, "test")
    transfer.main("demo", "own")
    result = json.loads(B.transfer("demo").read_text())
    rows = result["rows"]
    assert result["n_test"] == N
    why = "not trained: training needs normal and abnormal videos; the train split has 0 normal"
    printed = capsys.readouterr().out
    for row in (
        "base: trained on target",
        "refinevad: trained on target",
        "refinevad: CORE frozen",
    ):
        assert rows[row]["reason"].startswith(why)
        assert f"{row}: not available: {why}" in printed
    assert "base: CORE frozen" not in rows
    for model in ("base", "refinevad"):
        assert len(rows[f"{model}: no training"]["last"]["video_auc"]["per_seed"]) == 2


def test_a_source_that_was_not_trained_says_so(repository: Path) -> None:
    of_split(A, "test")
    transfer.main("demo", "own")
    rows = json.loads(B.transfer("demo").read_text())["rows"]
    why = "head of the source: not trained: training needs normal and abnormal videos"
    for row in ("base: no training", "refinevad: CORE frozen", "refinevad: no training"):
        assert rows[row]["reason"].startswith(why)
    assert rows["refinevad: trained on target"]["last"]["video_auc"]["mean"] is not None


def test_another_core_is_trained_anew_and_another_name_is_not(repository: Path) -> None:
    transfer.main("demo", "own")
    store = repository / "data/.pieces/trials"
    assert len(list(store.rglob("*.parquet"))) == 2
    transfer.main("demo", "own")
    assert len(list(store.rglob("*.parquet"))) == 2
    head, _ = checkpoint.load(A.model("refinevad", 0), "last")
    weights = weights_of(head)
    weights["core.prototypes"] += 1
    checkpoint.save_weights(A.model("refinevad", 0), "last", weights)
    transfer.main("demo", "own")
    assert len(list(store.rglob("*.parquet"))) == 3


def test_a_head_on_features_of_another_captioner_is_refused(repository: Path) -> None:
    path = A.model("refinevad", 0) / "config.json"
    path.write_text(path.read_text().replace('"backend": "rules"', '"backend": "file"'))
    with pytest.raises(UserError, match="features of other encoders"):
        transfer.main("demo", "own")
