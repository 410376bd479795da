"""Metrics of several seeds, as the plain JSON that `dvc metrics` reads."""

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from pipeline.metrics.frame import Metric, Undefined


def plain(metric: Metric) -> float | None:
    """A metric as a JSON value."""
    return None if isinstance(metric, Undefined) else metric


def over_seeds(runs: Sequence[dict[str, Metric]]) -> dict[str, dict[str, Any]]:
    """For each metric its mean, sample standard deviation (0 for one seed) and values by seed.

    A metric that is undefined in any run is null with the reason.
    """
    return {name: _summary([run[name] for run in runs]) for name in runs[0]}


def _summary(values: Sequence[Metric]) -> dict[str, Any]:
    for value in values:
        if isinstance(value, Undefined):
            return {"mean": None, "reason": value.reason}
    numbers = [value for value in values if not isinstance(value, Undefined)]
    spread = stdev(numbers) if len(numbers) > 1 else 0.0
    return {"mean": fmean(numbers), "std": spread, "per_seed": numbers}


HEADLINE = ("frame_auc", "ano_auc", "ap", "video_auc")


def as_text(metrics: dict[str, Any]) -> str:
    """The headline metrics of metrics.json as a table for the terminal, and its note."""
    lines = [f"{'':32}" + "".join(f"{name:>18}" for name in HEADLINE)]
    for model, entry in metrics.items():
        if isinstance(entry, dict) and "last" in entry:
            for checkpoint, values in entry.items():
                lines.append(f"{model + ', ' + checkpoint:32}" + _cells(values))
    for floor, values in metrics["floors"].items():
        lines.append(f"{'floor: ' + floor:32}" + _cells(values))
    return "\n".join([*lines, "", metrics["note"]])


def _cells(values: dict[str, Any]) -> str:
    return "".join(f"{_cell(values[name]):>18}" for name in HEADLINE)


def _cell(value: Any) -> str:
    if isinstance(value, dict) and value["mean"] is not None:
        return f"{value['mean']:.3f} ± {value['std']:.3f}"
    return f"{value:.3f}" if isinstance(value, float) else "-"
