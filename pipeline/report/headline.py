"""The headline table: metrics.json as columns, groups of rows and footnotes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.report.cells import NOT_COMPUTED, Footnotes, Row, entry_at
from pipeline.report.results import CHECKPOINT, Results

Path = tuple[str, ...]  # where a metric stands below a checkpoint or a floor
Entries = Mapping[str, Any]

METRICS: dict[Path, tuple[str, str]] = {
    ("frame_auc",): (
        "Frame AUC",
        "Area under the ROC curve over all test frames; 0.5 is chance.",
    ),
    ("ano_auc",): (
        "AnoAUC",
        "The same over the frames of abnormal test videos only; 0.5 is chance.",
    ),
    ("ap",): (
        "AP",
        "Average precision over all test frames; chance is the share of abnormal frames.",
    ),
    ("ap_trapezoid",): (
        "AP (trapezoid)",
        "Area under the precision-recall curve by the trapezoid rule, as many papers report it.",
    ),
    ("video_auc",): (
        "Video AUC",
        "How well abnormal videos are told from normal ones by the mean of their highest snippets.",
    ),
    ("false_alarm_rate",): (
        "False alarms",
        "Share of normal videos' frames that score above the settings' threshold. Lower is better.",
    ),
    ("category_accuracy",): (
        "Category accuracy",
        "Share of abnormal test videos whose most probable category is one of theirs.",
    ),
    ("category_ap",): (
        "Category AP",
        "Average precision of ranking abnormal test videos by each category's probability, mean "
        "over categories. The one to read where videos have several categories.",
    ),
    ("map", "avg"): (
        "mAP",
        "How well events are found in time and named: mean average precision, corrected form, mean "
        "over IoU 0.1 to 0.5. Times 100 it is the percentage that papers print.",
    ),
}
GROUPS = {
    CHECKPOINT: ("Last epoch", "Nothing was chosen on test data. Read these numbers first."),
    "best_on_validation": (
        "Best epoch on validation",
        "The epoch was chosen on videos kept out of training and test. Fair.",
    ),
    "best_on_test": (
        "Best epoch on test",
        "The epoch was chosen on the test data, as most papers do. Optimistic; for comparison.",
    ),
}
FLOORS = ("Floors", "Scores without any learning. A model that does not beat them learned nothing.")
NOT_FOR_FLOORS = "not computed for floors, whose scores are no probabilities"


@dataclass(frozen=True)
class Column:
    """A metric: its key in metrics.json, what it is called, and one line on what it means."""

    key: str
    label: str
    meaning: str


@dataclass(frozen=True)
class Group:
    """Rows that may be compared with one another."""

    title: str
    remark: str
    rows: list[Row]


@dataclass
class Headline:
    """The whole table; `folded` are metrics that no row has: their labels, and why."""

    columns: list[Column]
    folded: list[tuple[str, str]]
    groups: list[Group] = field(default_factory=list)
    notes: Footnotes = field(default_factory=Footnotes)

    @property
    def has_intervals(self) -> bool:
        """Whether any number has a bootstrap interval."""
        return any(cell.interval for g in self.groups for row in g.rows for cell in row.cells)

    @property
    def has_seeds(self) -> bool:
        """Whether there is any number of a single seed to list."""
        return any(row.seeds for group in self.groups for row in group.rows)


def build(results: Results) -> Headline:
    """The table of `results.metrics`; models, floors, checkpoints and metrics are open-ended."""
    models: dict[str, dict[str, Entries]] = {
        name: results.metrics.get(name, {}) for name in results.models
    }
    floors: dict[str, Entries] = results.metrics.get("floors", {})
    entries = [values for model in models.values() for values in model.values()]
    entries += floors.values()
    paths = _paths(entries)
    shown = [path for path in paths if _has_value(entries, path)] or paths
    folded = _folded(entries, [path for path in paths if path not in shown])
    table = Headline([_column(path) for path in shown], folded)
    for checkpoint in dict.fromkeys(
        [*GROUPS, *(name for model in models.values() for name in model)]
    ):
        rows = [
            Row(name, colour, [table.notes.cell(entry_at(model[checkpoint], p)) for p in shown])
            for colour, (name, model) in enumerate(models.items())
            if checkpoint in model
        ]
        _append(table, GROUPS.get(checkpoint, (checkpoint, "")), rows)
    _append(table, FLOORS, [_floor(table, name, values, shown) for name, values in floors.items()])
    return table


def _append(table: Headline, heading: tuple[str, str], rows: list[Row]) -> None:
    if rows:
        table.groups.append(Group(*heading, rows))


def _floor(table: Headline, name: str, values: Entries, shown: list[Path]) -> Row:
    cells = [table.notes.cell(entry_at(values, path), NOT_FOR_FLOORS) for path in shown]
    return Row(name, -1, [replace(cell, per_seed=()) for cell in cells])  # a floor has no seeds


def _paths(entries: list[Entries]) -> list[Path]:
    """Metrics that any row names: the known ones in their order, then others that do not nest."""
    known = [path for path in METRICS if any(entry_at(entry, path) for entry in entries)]
    flat = dict.fromkeys((key,) for entry in entries for key in entry if entry_at(entry, (key,)))
    return known + [path for path in flat if path not in METRICS]


def _column(path: Path) -> Column:
    key = ".".join(path)
    return Column(key, *METRICS.get(path, (key, "")))


def _has_value(entries: Iterable[Entries], path: Path) -> bool:
    return any((entry_at(entry, path) or {}).get("mean") is not None for entry in entries)


def _folded(entries: list[Entries], paths: list[Path]) -> list[tuple[str, str]]:
    """`(labels, reason)` of metrics without any value, those of equal reasons together."""
    labels: dict[str, list[str]] = {}
    for path in paths:
        found = [null for entry in entries if (null := entry_at(entry, path))]
        reasons = dict.fromkeys(str(null.get("reason", NOT_COMPUTED)) for null in found)
        labels.setdefault("; ".join(reasons), []).append(_column(path).label)
    return [(", ".join(names), reason) for reason, names in labels.items()]
