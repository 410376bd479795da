"""The stage `tsne` behind `train`: a table, a summary and pictures, or why there is none."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline import config, made_by, tables
from pipeline.errors import UserError
from pipeline.report import tsne as pictures
from stages import train, tsne
from stages.layout import PARAMS, Layout
from tests.params import write_params
from tests.stages.small_dataset import digests
from tests.test_features import manifest_row

N, T, D = 32, 32, 6
CATEGORIES = ["Fall", "Fire"]
OWN = Layout("own")


def write_tables(categories: list[list[str]]) -> None:
    """A manifest and feature tables; every second video is a test video."""
    rng = np.random.default_rng(0)
    rows, entries = [], []
    for video, names in enumerate(categories):
        video_id, split = f"{video:03}", "test" if video % 2 else "train"
        rows.append(manifest_row(video_id, split, names, "ok"))
        features = rng.normal(size=(T, D)).astype(np.float32)
        for name in names:
            features[8:16, CATEGORIES.index(name)] += 8
        entries += [
            {"video_id": video_id, "snippet": s, "feature": own.tolist(), "key": "k"}
            for s, own in enumerate(features)
        ]
    manifest = pa.Table.from_pylist(rows, schema=tables.MANIFEST)
    tables.write(manifest, OWN.manifest, tables.MANIFEST, {"categories": CATEGORIES})
    schema = tables.with_video(tables.feature_piece(D))
    params = config.load(PARAMS)
    encoders = made_by.features(params.clip, params.caption, params.text, ())
    for stage, modality in (("clip", "image"), ("text", "text")):
        table = pa.Table.from_pylist(entries, schema=schema)
        tables.write(table, OWN.table(stage), schema, {"made_by": encoders[modality]})


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A third of the videos is normal, a third falls, a third burns; there are two seeds."""
    write_params(
        tmp_path / "params.yaml",
        models=["base", "refinevad"],
        seeds=[5, 6],
        train={"epochs": 12, "batch_size": 8},
        runtime={"device": "cpu"},
    )
    monkeypatch.chdir(tmp_path)
    write_tables([[[], ["Fall"], ["Fire"]][video % 3] for video in range(N)])
    return tmp_path


def test_the_first_seed_s_head_is_placed_drawn_and_measured(
    repository: Path,
) -> None:
    for model in ("base", "refinevad"):
        train.main("own", model, 5)
    OWN.tsne_pictures.mkdir(parents=True)
    OWN.tsne_picture("former").write_text("of a head that is gone")
    said = tsne.main("own")
    assert said == "data/own/results/tsne.csv: 11 rows, 1 of 2 heads drawn"
    written = digests(OWN.results)
    assert sorted(written) == ["tsne.csv", "tsne.json", "tsne/refinevad.svg"]
    table = pictures.read(OWN.tsne)
    assert table["video_id"].tolist() == [f"{v:03}" for v in range(1, N, 2) if v % 3]
    assert set(table["seed"]) == {5}
    assert np.isfinite(table[["x", "y", "Fall_normal", "Fire_abnormal"]].to_numpy()).all()
    summary = json.loads(OWN.tsne_summary.read_text())
    assert summary["base"]["reason"] == "this head gives no category logits"
    assert summary["refinevad"]["neighbour_accuracy"] > summary["refinevad"]["chance_95"]
    tsne.main("own")
    assert digests(OWN.results) == written
    write_params(PARAMS, tsne={"seed": 6})
    with pytest.raises(UserError, match=r"models/base/6/config\.json does not exist"):
        tsne.main("own")


def test_without_trained_heads_there_is_a_header_and_a_reason(repository: Path) -> None:
    write_tables([["Fall"] for _ in range(N)])
    for model in ("base", "refinevad"):
        train.main("own", model, 5)
    assert tsne.main("own").endswith("tsne.csv: 0 rows, 0 of 2 heads drawn")
    header = "model,seed,video_id,category,categories,x,y,"
    assert OWN.tsne.read_text().startswith(header + "Fall_normal,Fall_abnormal,Fire_normal,")
    assert OWN.tsne.read_text().count("\n") == 1
    for about in json.loads(OWN.tsne_summary.read_text()).values():
        assert about["reason"].startswith("not trained: training needs normal and abnormal videos")
    assert list(OWN.tsne_pictures.iterdir()) == []


def test_a_seed_that_is_not_trained_is_refused(repository: Path) -> None:
    write_params(PARAMS, tsne={"seed": 7})
    with pytest.raises(UserError, match=r"tsne\.seed: 7 is not in `seeds` \(\[5, 6\]\)"):
        tsne.main("own")
