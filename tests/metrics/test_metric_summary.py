"""Metrics over seeds, and their table in the terminal."""

from typing import Any

import pytest

from pipeline.metrics.frame import Undefined
from pipeline.metrics.summary import HEADLINE, as_text, over_seeds, plain


def test_mean_and_sample_deviation_by_hand() -> None:
    found = over_seeds(
        [
            {"ap": 1.0, "frame_auc": 0.5},
            {"ap": 2.0, "frame_auc": 0.5},
            {"ap": 6.0, "frame_auc": 0.5},
        ]
    )
    # deviations from 3: 4 + 1 + 9 = 14, over n - 1 = 2
    assert found["ap"] == {"mean": 3.0, "std": pytest.approx(7**0.5), "per_seed": [1.0, 2.0, 6.0]}
    assert found["frame_auc"] == {"mean": 0.5, "std": 0.0, "per_seed": [0.5, 0.5, 0.5]}
    assert list(found) == ["ap", "frame_auc"]


def test_one_seed_has_no_spread() -> None:
    assert over_seeds([{"ap": 0.25}]) == {"ap": {"mean": 0.25, "std": 0.0, "per_seed": [0.25]}}


@pytest.mark.parametrize("position", [0, 1])
def test_undefined_in_any_run_is_null_with_its_reason(position: int) -> None:
    runs: list[dict[str, Any]] = [{"ap": 0.5}, {"ap": 0.7}]
    runs[position]["ap"] = Undefined("no frame")
    assert over_seeds(runs) == {"ap": {"mean": None, "reason": "no frame"}}


def test_plain() -> None:
    assert plain(0.5) == 0.5
    assert plain(Undefined("why")) is None


def test_table_has_a_line_for_each_model_checkpoint_and_floor() -> None:
    def entry(value: float) -> dict[str, Any]:
        return {name: {"mean": value, "std": 0.0123, "per_seed": [value]} for name in HEADLINE}

    best = {**entry(0.9), "ap": {"mean": None, "reason": "no event"}}
    metrics = {
        "refinevad": {"last": entry(0.8), "best_on_test": best},
        "base": {"last": entry(0.7)},
        "floors": {
            "mean_motion": {"frame_auc": 0.5, "ano_auc": None, "ap": 0.25, "video_auc": 1.0}
        },
        "data": {"n_train": 3},
        "note": "Random weights.",
    }
    lines = as_text(metrics).splitlines()
    assert lines[0].split() == ["frame_auc", "ano_auc", "ap", "video_auc"]
    assert lines[1].split() == ["refinevad,", "last", *["0.800", "±", "0.012"] * 4]
    cells = ["0.900", "±", "0.012"]
    assert lines[2].split() == ["refinevad,", "best_on_test", *cells, *cells, "-", *cells]
    assert lines[3].startswith("base, last ")
    assert lines[4].split() == ["floor:", "mean_motion", "0.500", "-", "0.250", "1.000"]
    assert lines[5:] == ["", "Random weights."]
    assert len({len(line) for line in lines[:5]}) == 1  # columns stand under one another
