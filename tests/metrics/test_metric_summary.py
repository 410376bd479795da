"""Metrics over seeds, and their table in the terminal."""

from typing import Any

import numpy as np
import pytest

from pipeline.metrics.scored import Undefined
from pipeline.metrics.summary import HEADLINE, as_text, headline, over_seeds
from pipeline.metrics.values import Name, Values


def runs_of(*values: list[float] | Undefined) -> list[dict[Name, Values]]:
    """Runs of one metric, `ap`."""
    return [{("ap",): v if isinstance(v, Undefined) else np.array(v)} for v in values]


def test_mean_and_sample_deviation_by_hand() -> None:
    # deviations from 3: 4 + 1 + 9 = 14, over n - 1 = 2
    assert over_seeds(runs_of([1.0], [2.0], [6.0])) == {
        "ap": {"mean": 3.0, "std": pytest.approx(7**0.5), "per_seed": [1.0, 2.0, 6.0]}
    }


def test_one_seed_has_no_spread() -> None:
    found = over_seeds(runs_of([0.25]))
    assert found == {"ap": {"mean": 0.25, "std": 0.0, "per_seed": [0.25]}}


def test_the_interval_is_that_of_the_mean_over_seeds() -> None:
    # resample by resample the means are 0, 1, ..., 40: quantiles 1 and 39
    one, two = [0.5] + [float(i) for i in range(41)], [0.7] + [float(i) for i in range(41)]
    one[1:], two[1:] = [v + 5 for v in one[1:]], [v - 5 for v in two[1:]]
    found = over_seeds(runs_of(one, two))["ap"]
    assert found["mean"] == pytest.approx(0.6)  # of the plain values alone
    assert found["per_seed"] == [0.5, 0.7]
    assert found["interval"] == pytest.approx([1, 39])
    assert type(found["interval"]) is list


def test_resamples_without_a_value_in_a_run_are_left_out() -> None:
    nan = float("nan")
    one, two = [0.5, nan] + [1.0, 3.0] * 3, [0.5, 9.0] + [1.0, 3.0] * 3
    assert over_seeds(runs_of(one, two))["ap"]["interval"] == [1, 3]
    assert "interval" not in over_seeds(runs_of([0.5, nan]))["ap"]


def test_names_of_several_parts_nest() -> None:
    run: dict[Name, Values] = {
        ("ap",): np.array([0.5]),
        ("map", "iou_10"): np.array([0.25]),
        ("by_category", "Fire", "auc"): np.array([0.75]),
        ("by_category", "Fire", "auc_within"): Undefined("one frame"),
        ("by_category", "Panic", "auc"): np.array([0.125]),
        ("map", "avg"): np.array([0.0]),
    }

    def number(mean: float) -> dict[str, Any]:
        return {"mean": mean, "std": 0.0, "per_seed": [mean]}

    found = over_seeds([run])
    assert found == {
        "ap": number(0.5),
        "map": {"iou_10": number(0.25), "avg": number(0.0)},
        "by_category": {
            "Fire": {"auc": number(0.75), "auc_within": {"mean": None, "reason": "one frame"}},
            "Panic": {"auc": number(0.125)},
        },
    }
    assert list(found) == ["ap", "map", "by_category"]


@pytest.mark.parametrize("position", [0, 1])
def test_undefined_in_any_run_is_null_with_its_reason(position: int) -> None:
    values: list[list[float] | Undefined] = [[0.5, 0.1], [0.7, 0.2]]
    values[position] = Undefined("no frame")
    assert over_seeds(runs_of(*values)) == {"ap": {"mean": None, "reason": "no frame"}}


def entry(value: float, n_seeds: int = 3) -> dict[str, Any]:
    number = {"mean": value, "std": 0.0123, "per_seed": [value] * n_seeds}
    return dict.fromkeys(HEADLINE, number)


def undefined(reason: str) -> dict[str, Any]:
    return {"mean": None, "reason": reason}


def test_table_has_a_line_for_each_model_checkpoint_and_floor() -> None:
    metrics = {
        "refinevad": {"last": entry(0.8), "best_on_test": entry(0.9) | {"ap": undefined("why")}},
        "base": {"last": entry(0.7)},
        "floors": {"mean_motion": entry(0.5, n_seeds=1) | {"ano_auc": undefined("why not")}},
        "data": {"n_train": 3},
        "note": "Random weights.",
    }
    lines = as_text(metrics).splitlines()
    assert lines[0].split() == ["frame_auc", "ano_auc", "ap", "video_auc"]
    assert lines[1].split() == ["refinevad,", "last", *["0.800", "±", "0.012"] * 4]
    cells = ["0.900", "±", "0.012"]
    assert lines[2].split() == ["refinevad,", "best_on_test", *cells, *cells, "-", *cells]
    assert lines[3].startswith("base, last ")
    assert lines[4].split() == ["floor:", "mean_motion", "0.500", "-", "0.500", "0.500"]
    assert lines[5:] == ["-  why", "-  why not", "", "Random weights."]
    assert len({len(line) for line in lines[:5]}) == 1  # columns stand under one another


def test_a_reason_is_told_once_and_no_model_is_no_line() -> None:
    nothing = dict.fromkeys(HEADLINE, undefined("not trained: no video"))
    metrics = {"base": {"last": nothing}, "floors": {"still": nothing}, "data": {}, "note": "N."}
    assert as_text(metrics).splitlines()[1:] == [
        f"{'base, last':32}" + f"{'-':>18}" * 4,
        f"{'floor: still':32}" + f"{'-':>18}" * 4,
        "-  not trained: no video",
        "",
        "N.",
    ]
    assert len(as_text({"floors": {}, "data": {}, "note": "N."}).splitlines()) == 3


def test_checkpoints_of_any_name_are_shown() -> None:
    metrics = {"theirs": {"epoch 30": entry(0.8, n_seeds=1)}, "floors": {}, "note": "N."}
    assert as_text(metrics).splitlines()[1].split() == ["theirs,", "epoch", "30", *["0.800"] * 4]


def test_the_headline_is_the_few_means_alone() -> None:
    metrics = {
        "base": {"last": entry(0.8) | {"ap": undefined("why"), "map": {"avg": entry(0.1)}}},
        "floors": {"still": entry(0.5, n_seeds=1)},
        "data": {"n_train": 3},
        "note": "N.",
    }
    assert headline(metrics) == {
        "base": {"last": {"frame_auc": 0.8, "ano_auc": 0.8, "ap": None, "video_auc": 0.8}},
        "floors": {"still": dict.fromkeys(HEADLINE, 0.5)},
    }
    assert headline({"floors": {}, "data": {}, "note": "N."}) == {}
