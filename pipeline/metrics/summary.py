"""Metrics of several seeds, as the plain JSON that `dvc metrics` reads."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

import numpy as np

from pipeline.metrics.bootstrap import interval
from pipeline.metrics.scored import Undefined
from pipeline.metrics.values import Name, Values


def over_seeds(runs: Sequence[Mapping[Name, Values]]) -> dict[str, Any]:
    """For each metric its mean, sample standard deviation (0 for one seed), values by seed.

    `interval` is the bootstrap interval over videos of the mean over seeds; absent without
    resamples. A metric that is undefined in any run is null with the reason. Names of several
    parts nest.
    """
    nested: dict[str, Any] = {}
    for name in runs[0]:
        place = nested
        for part in name[:-1]:
            place = place.setdefault(part, {})
        place[name[-1]] = _summary([run[name] for run in runs])
    return nested


def _summary(values: Sequence[Values]) -> dict[str, Any]:
    arrays = []
    for value in values:
        if isinstance(value, Undefined):
            return {"mean": None, "reason": value.reason}
        arrays.append(value)
    numbers = [float(array[0]) for array in arrays]
    spread = stdev(numbers) if len(numbers) > 1 else 0.0
    found: dict[str, Any] = {"mean": fmean(numbers), "std": spread, "per_seed": numbers}
    bounds = interval(np.mean([array[1:] for array in arrays], axis=0))
    return found | ({"interval": list(bounds)} if bounds else {})


HEADLINE = ("frame_auc", "ano_auc", "ap", "video_auc")
NOT_MODELS = ("floors", "data", "note")


def headline(metrics: dict[str, Any]) -> dict[str, Any]:
    """The means of the headline metrics alone: what `dvc metrics show` can show in one table."""
    shown: dict[str, Any] = {
        model: {name: _means(values) for name, values in entry.items()}
        for model, entry in metrics.items()
        if model not in NOT_MODELS
    }
    floors = {name: _means(values) for name, values in metrics["floors"].items()}
    return shown | ({"floors": floors} if floors else {})


def _means(values: dict[str, Any]) -> dict[str, float | None]:
    return {name: values[name]["mean"] for name in HEADLINE}


def as_text(metrics: dict[str, Any]) -> str:
    """The headline metrics of metrics.json as a table for the terminal, and its notes."""
    lines = [f"{'':32}" + "".join(f"{name:>18}" for name in HEADLINE)]
    reasons: dict[str, None] = {}
    for model, entry in metrics.items():
        if model not in NOT_MODELS:
            for checkpoint, values in entry.items():
                lines.append(f"{model + ', ' + checkpoint:32}" + _cells(values, reasons))
    for floor, values in metrics["floors"].items():
        lines.append(f"{'floor: ' + floor:32}" + _cells(values, reasons))
    lines += [f"-  {reason}" for reason in reasons]
    return "\n".join([*lines, "", metrics["note"]])


def _cells(values: dict[str, Any], reasons: dict[str, None]) -> str:
    return "".join(f"{_cell(values[name], reasons):>18}" for name in HEADLINE)


def _cell(value: dict[str, Any], reasons: dict[str, None]) -> str:
    if value["mean"] is None:
        reasons[value["reason"]] = None
        return "-"
    spread = f" ± {value['std']:.3f}" if len(value["per_seed"]) > 1 else ""
    return f"{value['mean']:.3f}{spread}"
