"""The stage `ablation`: its row `all` is what `train` and `evaluate` give, to the last bit."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline import made_by, tables
from pipeline.datasets.listing import SPLITS
from stages import ablation, evaluate, train
from stages.layout import write_json
from tests.params import write_params
from tests.stages.small_features import OWN, D, write_features, write_manifest
from tests.test_features import manifest_row
from tests.trying import in_this_process

N = 32
ROWS = {
    "plain": {"head": "base", "published": {"own": 0.8}},
    "all": {},
    "image only": {"features": {"modalities": ["image"]}},
}


def split_of(video: int) -> str:
    return {0: "validation", 1: "test", 2: "test"}.get(video % 4, "train")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Feature tables of 32 videos and three rows; trials in this process."""
    monkeypatch.chdir(tmp_path)
    write_features(
        tmp_path,
        N,
        split_of,
        models=["refinevad"],
        seeds=[0, 7],
        train={"epochs": 3, "batch_size": 4, "lr": 3e-3},
        evaluate={"resamples": 50},
        ablation={"datasets": ["own"], "reference": "all", "rows": ROWS},
    )
    in_this_process(monkeypatch)
    return tmp_path


def result() -> dict[str, Any]:
    return dict(json.loads(OWN.ablation.read_text()))


def test_the_row_without_change_is_the_head_of_train_and_evaluate(repository: Path) -> None:
    assert ablation.main("own") == "data/own/results/ablation.json: 3 rows"
    for seed in (0, 7):
        train.main("own", "refinevad", seed)
    faults = ("missing", "unlisted", "duplicated", "mislabelled", "in_both_splits")
    counts = {"n_videos": N, "n_events_clipped": 0, "n_events_dropped": 0}
    write_json(OWN.manifest_summary, counts | {key: [] for key in faults})
    OWN.frames.mkdir()
    evaluate.main("own")
    metrics = json.loads(OWN.metrics.read_text())["refinevad"]
    found = result()["rows"]["all"]["checkpoints"]
    assert list(found) == ["last", *(f"best_on_{name}" for name in SPLITS if name != "train")]
    for checkpoint, entry in found.items():
        assert len(set(entry["frame_auc"]["per_seed"])) == 2
        for name, values in entry.items():
            assert values == metrics[checkpoint][name]


def test_the_table_is_printed_and_kept(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ablation.main("own")
    printed = capsys.readouterr().out
    assert printed.rstrip("\n") in OWN.ablation_table("md").read_text()
    assert "| plain " in printed
    assert "0.8000" in printed
    lines = list(csv.DictReader(OWN.ablation_table("csv").open()))
    assert [line["row"] for line in lines] == [name for name in ROWS for _ in range(3)]
    paths = [OWN.ablation, OWN.ablation_table("csv"), OWN.ablation_table("md")]
    before = [path.read_bytes() for path in paths]
    ablation.main("own")
    assert [path.read_bytes() for path in paths] == before


def test_a_new_row_trains_that_row(repository: Path) -> None:
    ablation.main("own")
    stored = set(Path("data/.pieces/trials").rglob("*.parquet"))
    assert len(stored) == 6
    before = result()["rows"]
    rows = {"new": {"settings": {"width": 32}}, **ROWS, "renamed": ROWS["image only"]}
    write_params(Path("params.yaml"), ablation={"rows": rows})
    ablation.main("own")
    assert len(set(Path("data/.pieces/trials").rglob("*.parquet")) - stored) == 2
    found = result()["rows"]
    assert list(found) == ["new", *ROWS, "renamed"]
    assert {name: found[name] for name in ROWS} == before
    assert found["renamed"] == found["image only"]


def test_a_row_may_read_what_the_others_do_not(repository: Path) -> None:
    rows = ROWS | {"text only": {"features": {"modalities": ["text"]}}}
    path, schema = OWN.table("text"), tables.with_video(tables.feature_piece(D))
    others = [
        entry | {"feature": [*entry["feature"][1:], 0.5 * entry["snippet"]]}
        for entry in tables.read(path, schema).to_pylist()
    ]
    about = {"made_by": tables.metadata(path)["made_by"]}
    tables.write(pa.Table.from_pylist(others, schema=schema), path, schema, about)
    write_params(Path("params.yaml"), ablation={"rows": ROWS}, features={"modalities": ["image"]})
    ablation.main("own")
    before = result()["rows"]
    write_params(Path("params.yaml"), ablation={"rows": rows})
    ablation.main("own")
    found = result()["rows"]
    assert found["text only"]["checkpoints"]["last"]["ap"]["mean"] is not None
    assert {name: found[name] for name in ROWS} == before
    image = found["image only"]
    assert image["parameters"] == found["all"]["parameters"]
    assert image["checkpoints"]["last"]["ap"]["difference"]["mean"] == 0
    assert image["checkpoints"]["last"] != found["text only"]["checkpoints"]["last"]


def test_a_row_that_cannot_be_had_is_shown_with_its_reason(repository: Path) -> None:
    rows = ROWS | {"text only": {"features": {"modalities": ["text"]}}}
    brought = {"own": {"adapter": "features", "frames_per_feature": 16}}
    write_params(Path("params.yaml"), ablation={"rows": rows}, sources=brought)
    path, schema = OWN.table("clip"), tables.with_video(tables.feature_piece(D))
    tables.write(tables.read(path, schema), path, schema, {"made_by": made_by.brought("image")})
    ablation.main("own")
    found = result()["rows"]
    assert "'text only' reads text features" in found["text only"]["reason"]
    assert found["image only"]["checkpoints"]["last"]["ap"]["difference"]["mean"] == 0
    assert len(list(Path("data/.pieces/trials").rglob("*.parquet"))) == 4  # two rows are equal


def test_without_test_videos_every_row_says_so(repository: Path) -> None:
    rows = [
        manifest_row(f"v{i:02}", "train", ["Fire"] if i // 4 % 2 else [], "ok") for i in range(N)
    ]
    write_manifest(rows)
    ablation.main("own")
    reasons = {row["reason"] for row in result()["rows"].values()}
    assert reasons == {"there is no usable test video"}
    assert "not available" in OWN.ablation_table("md").read_text()


def test_a_dataset_that_is_not_named_has_an_empty_table(repository: Path) -> None:
    write_params(Path("params.yaml"), ablation={"datasets": []})
    assert ablation.main("own") == "data/own/results/ablation.json: 0 rows"
    assert result()["rows"] == {}
    assert "does not name it" in result()["note"]
    assert OWN.ablation_table("csv").exists()
    assert not Path("data/.pieces").exists()
