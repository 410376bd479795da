"""The stage `efficiency`: what it reads, and its results where they belong."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline import config, made_by, tables
from pipeline.efficiency import measuring, times
from pipeline.errors import UserError
from stages import efficiency
from stages.layout import PARAMS, Layout
from tests.encoders.pictures import jpeg, noise
from tests.params import write_params
from tests.test_features import manifest_row

T, D = 4, 6


def write_tables(name: str, brings: tuple[str, ...]) -> Layout:
    """A manifest of a broken video and a whole one, and feature tables of no usable number."""
    layout, params = Layout(name), config.load(PARAMS)
    rows = [manifest_row("broken", "train", [], "failed"), manifest_row("v", "test", [], "ok")]
    manifest = pa.Table.from_pylist(rows, schema=tables.MANIFEST)
    tables.write(manifest, layout.manifest, tables.MANIFEST, {"categories": ["Fire", "Panic"]})
    schema = tables.with_video(tables.feature_piece(D))
    rows = [
        {"video_id": "v", "snippet": s, "feature": [float("nan")] * D, "key": "k"} for s in range(T)
    ]
    encoders = made_by.features(params.clip, params.caption, params.text, brings)
    for stage, modality in (("clip", "image"), ("text", "text")):
        if modality in encoders:
            about = {"made_by": encoders[modality]}
            tables.write(
                pa.Table.from_pylist(rows, schema=schema), layout.table(stage), schema, about
            )
    return layout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_params(
        tmp_path / "params.yaml",
        models=["base", "refinevad"],
        sources={
            "filmed": {"adapter": "folder"},
            "brought": {"adapter": "features", "frames_per_feature": 16},
        },
        train={"batch_size": 4},
        runtime={"device": "cpu"},
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(measuring, "apart", measuring.measure)  # a process each takes seconds
    monkeypatch.setattr(measuring, "SPENT_S", 0.0)
    return tmp_path


def result_of(layout: Layout) -> dict[str, Any]:
    return dict(json.loads(layout.efficiency.read_text()))


def test_heads_and_encoders_of_a_dataset_of_videos(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = write_tables("filmed", ())
    images = [[jpeg(noise(1)), jpeg(noise(2))]] * T
    frames = [
        {"snippet": i, "start": i, "end": i + 1, "frame_index": [i, i], "image": own}
        for i, own in enumerate(images)
    ]
    table = pa.Table.from_pylist(frames, schema=tables.FRAMES)
    tables.write(table, layout.frames_of("v"), tables.FRAMES)
    assert efficiency.main("filmed").startswith("data/filmed/results/efficiency.json: 2 heads")
    found = result_of(layout)
    assert found["counts"]["video"] == {
        "snippets": T,
        "frames_per_snippet": config.load(PARAMS).decode.frames_per_snippet,
        "widths": {"image": D, "text": D},
        "categories": 2,
    }
    assert list(found["counts"]["heads"]) == ["base", "refinevad"]
    assert list(found["counts"]["encoders"]) == ["image", "caption", "text"]
    measured = found["measured"]
    assert [entry["at_a_time"] for entry in measured["heads"]["base"]["cpu"]] == [1, 4]
    assert measured["encoders"]["caption"]["cpu"][0]["seconds"] > 0
    assert measured["with_encoders"]["base"]["cpu"]["without"] == []
    assert "cpu" in measured["machine"]
    assert "image: tiny" in capsys.readouterr().out


def test_counts_are_the_same_twice_and_hold_no_time(repository: Path) -> None:
    layout = write_tables("filmed", ())
    efficiency.main("filmed")
    before = result_of(layout)
    efficiency.main("filmed")
    assert result_of(layout)["counts"] == before["counts"]
    assert "second" not in json.dumps(before["counts"])
    (caption,) = before["measured"]["encoders"]["caption"]["cpu"]
    assert caption["not_measured"] == times.NO_FRAMES


def test_brought_features_have_no_encoders(repository: Path) -> None:
    layout = write_tables("brought", ("image",))
    efficiency.main("brought")
    found = result_of(layout)
    assert found["counts"]["video"]["widths"] == {"image": D}
    assert found["counts"]["encoders"] == found["measured"]["encoders"] == {}
    assert "brings its features" in found["counts"]["note"]


def test_tables_of_another_encoder_are_an_error(repository: Path) -> None:
    write_tables("filmed", ())
    write_params(repository / "params.yaml", clip={"seed": 9})
    with pytest.raises(UserError, match=r"clip\.parquet was not made by what params\.yaml says"):
        efficiency.main("filmed")
