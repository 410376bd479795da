"""What costs come to for a video, worked out by hand; and the tables made of them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

from pipeline import tables
from pipeline.config import Clip, ClipText, FileCaption, RulesCaption
from pipeline.efficiency import costs, measuring, quantities, rows, times
from pipeline.errors import UserError
from pipeline.models.head import FeatureLayout
from tests.models import toy
from tests.test_features import manifest_row

TINY = Clip(model="tiny", pretrained="random")
CPU = torch.device("cpu")


def subject(encoders: costs.Encoders | None) -> costs.Subject:
    heads = {"base": toy.base(), "refinevad": toy.refinevad()}
    return costs.Subject(toy.LAYOUT, toy.FEATURES, heads, encoders, frames_per_snippet=8)


ENCODERS = costs.Encoders(TINY, ClipText(encoder="clip"), RulesCaption(backend="rules"), None)


def features(path: Path, n_snippets: int, width: int) -> Path:
    schema = tables.with_video(tables.feature_piece(width))
    entries = [
        {"video_id": "v", "snippet": s, "feature": [0.5] * width, "key": "k"}
        for s in range(n_snippets)
    ]
    tables.write(pa.Table.from_pylist(entries, schema=schema), path, schema)
    return path


def test_the_layout_is_that_of_the_tables(tmp_path: Path) -> None:
    manifest = pa.Table.from_pylist([manifest_row("v", "test", [], "ok")], schema=tables.MANIFEST)
    tables.write(manifest, tmp_path / "m", tables.MANIFEST, {"categories": ["Fire", "Panic"]})
    found = {"image": features(tmp_path / "i", 5, 3), "text": features(tmp_path / "t", 5, 2)}
    expected = FeatureLayout({"image": 3, "text": 2}, ["Fire", "Panic"], 5)
    assert costs.layout_of(tmp_path / "m", found) == expected
    with pytest.raises(UserError, match="holds no video"):
        costs.layout_of(tmp_path / "m", {"image": features(tmp_path / "none", 0, 3)})
    with pytest.raises(UserError, match="no column 'feature'"):
        costs.layout_of(tmp_path / "m", {"image": tmp_path / "m"})


def test_a_video_costs_its_frames_its_captions_and_its_scoring() -> None:
    found = costs.counts(subject(ENCODERS))
    head, image = found["heads"]["refinevad"], found["encoders"]["image"]
    text = found["encoders"]["text"]
    assert (image["per_video"], text["per_video"]) == (16 * 8, 16)
    total = found["with_encoders"]["refinevad"]
    scoring = head["flops"]["per_video"]
    assert total["flops"] == 128 * image["flops"] + 16 * text["flops"] + scoring
    used = head["parameters"]["total"] - head["parameters"]["parts"]["gmm"]
    assert total["parameters"] == image["parameters"] + text["parameters"] + used
    assert total["without"] == []
    assert found["reference"]["image"]["per_video"] == 128


def test_what_is_not_known_is_named_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = {"parameters": 9, "flops": None, "unit": "snippet"}
    monkeypatch.setattr(costs.encoder_counts, "captioner", lambda settings: dict(unknown))
    monkeypatch.setattr(costs.encoder_counts, "reference", dict)
    found = costs.counts(subject(ENCODERS))
    total, both = found["with_encoders"]["base"], found["encoders"]
    assert total["without"] == ["caption"]
    base = found["heads"]["base"]["parameters"]["total"]
    assert total["parameters"] == base + both["image"]["parameters"] + both["text"]["parameters"]


def entry(at_a_time: int, seconds: float, memory: int | None) -> dict[str, Any]:
    return {"at_a_time": at_a_time, "seconds": seconds, "memory": memory, "threads": 1}


def test_rates_and_sums_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two heads, then frames, then captions; a GPU that encodes, a captioner on the CPU."""
    answers = {
        ("head", "cpu"): [entry(1, 0.2, 10), entry(4, 0.4, 30)],  # 0.1 s a video at best
        ("head", "cuda"): [entry(1, 0.01, None), {"at_a_time": 4, "not_measured": "full"}],
        ("image_tower", "cpu"): [entry(1, 0.5, 700), entry(32, 8.0, 900)],  # 0.25 s a frame
        ("image_tower", "cuda"): [entry(1, 0.002, 5000)],
        ("rule_captions", "cpu"): [entry(1, 3.0, 100)],
        ("text_tower", "cpu"): [entry(1, 0.05, 200)],
        ("text_tower", "cuda"): [{"at_a_time": 1, "not_measured": "broken"}],
    }
    asked = {}

    def answer(make: Any, sizes: list[int], device: str, threads: int) -> list[dict[str, Any]]:
        asked[make.func.__name__, device] = (sizes, threads)
        return [dict(known) for known in answers[make.func.__name__, device]]

    monkeypatch.setattr(measuring, "apart", answer)
    monkeypatch.setattr(times.machine, "describe", lambda device: {"gpu": "Fast GPU"})
    encoders = costs.Encoders(TINY, ENCODERS.text, ENCODERS.caption, Path("frames"))
    found = times.measured(
        subject(encoders), device=torch.device("cuda"), threads=2, videos=4, encoded=64
    )
    assert asked["head", "cpu"] == ([1, 4], 2)
    assert asked["image_tower", "cpu"] == ([1, 32], 1)
    assert asked["image_tower", "cuda"] == asked["text_tower", "cuda"] == ([1, 64], 1)
    assert asked["text_tower", "cpu"] == ([1], 1)
    alone = found["heads"]["base"]["cpu"][1]
    assert alone["videos_per_second"] == pytest.approx(10)
    assert alone["snippets_per_second"] == pytest.approx(160)
    together = found["with_encoders"]["base"]
    assert together["cpu"]["seconds_per_video"] == pytest.approx(0.1 + 128 * 0.25 + 3 + 16 * 0.05)
    assert together["cpu"]["memory"] == 900
    assert together["cpu"]["without"] == []
    assert together["cuda"]["seconds_per_video"] == pytest.approx(0.01 + 128 * 0.002 + 3)
    assert together["cuda"]["memory"] == 5000
    assert together["cuda"]["without"] == ["text"]


@pytest.mark.parametrize(
    ("caption", "reason"),
    [
        (ENCODERS.caption, times.NO_FRAMES),
        (FileCaption(backend="file", path="a.csv", made_by="people"), times.THERE),
    ],
)
def test_a_captioner_that_is_not_timed_says_why(caption: Any, reason: str) -> None:
    encoders = costs.Encoders(TINY, ENCODERS.text, caption, None)
    (found,) = times._captioner(encoders)
    assert found["not_measured"] == reason


@pytest.mark.parametrize("encoders", [None, ENCODERS])
def test_costs_survive_json_and_are_told(
    encoders: costs.Encoders | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "apart", measuring.measure)
    monkeypatch.setattr(measuring, "SPENT_S", 0.0)
    own = subject(encoders)
    measured = times.measured(own, device=CPU, threads=1, videos=4, encoded=8)
    result = {"counts": costs.counts(own), "measured": measured}
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    told = rows.as_text(result)
    assert ("brings its features" in told) == (encoders is None)
    assert ("image: tiny" in told) == (encoders is not None)
    assert ("Heads with encoders" in told) == (encoders is not None)
    assert "image: ViT-L-14-quickgelu" in told
    assert "in training only" in told
    assert (f"not measured: {times.NO_FRAMES}" in told) == (encoders is not None)


def test_numbers_as_a_reader_takes_them_in() -> None:
    assert quantities.whole(69_825) == "69,825"
    assert quantities.whole(303_966_208) == "304.0 M"
    assert quantities.operations(0) == "0 FLOP"
    assert quantities.operations(4_458_496) == "4.46 MFLOP"
    assert quantities.operations(41_478_537_609_216) == "41.5 TFLOP"
    assert quantities.seconds(0.00125) == "1.25 ms"
    assert quantities.seconds(2.0) == "2.00 s"
    assert quantities.seconds(87.2e-6) == "87.2 µs"
    assert quantities.seconds(0.7141) == "714 ms"
    assert quantities.rate(15_123.4) == "15,100"
    assert quantities.rate(0.05214) == "0.0521"
    assert quantities.memory(12_345_678) == "12.3 MB"
    assert {quantities.whole(None), quantities.seconds(None), quantities.rate(None)} == {"–"}
