"""The headline table: metrics.json as columns, groups of rows and footnotes."""

from dataclasses import dataclass, field
from typing import Any

from pipeline.report.results import CHECKPOINT, Results

METRICS = {
    "frame_auc": ("Frame AUC", "Area under the ROC curve over all test frames; 0.5 is chance."),
    "ano_auc": ("AnoAUC", "The same over the frames of abnormal test videos only; 0.5 is chance."),
    "ap": ("AP", "Average precision over all test frames; chance is the share of abnormal frames."),
    "ap_trapezoid": (
        "AP (trapezoid)",
        "Area under the precision-recall curve by the trapezoid rule, as many papers report it.",
    ),
    "video_auc": (
        "Video AUC",
        "How well abnormal videos are told from normal ones by the mean of their highest snippets.",
    ),
    "false_alarm_rate": (
        "False alarms",
        "Share of normal videos' frames that score above the settings' threshold. Lower is better.",
    ),
}
GROUPS = {
    CHECKPOINT: ("Last epoch", "Nothing was chosen on test data. Read these numbers first."),
    "best_on_test": (
        "Best epoch on test",
        "The epoch was chosen on the test data, as most papers do. Optimistic; for comparison.",
    ),
}
FLOORS = ("Floors", "Scores without any learning. A model that does not beat them learned nothing.")


@dataclass(frozen=True)
class Column:
    """A metric: its key, what it is called, and one line on what it means."""

    key: str
    label: str
    meaning: str


@dataclass(frozen=True)
class Cell:
    """A number as text; `footnote` (from 1) says why when there is none."""

    mean: str = ""
    std: str = ""
    per_seed: tuple[str, ...] = ()
    footnote: int = 0


@dataclass(frozen=True)
class Row:
    """One model or floor; `colour` is the model's index in the palette, -1 for a floor."""

    name: str
    colour: int
    cells: list[Cell]

    @property
    def seeds(self) -> int:
        """How many seeds the means are over."""
        return max((len(cell.per_seed) for cell in self.cells), default=0)


@dataclass(frozen=True)
class Group:
    """Rows that may be compared with one another."""

    title: str
    remark: str
    rows: list[Row]


@dataclass
class Headline:
    """The whole table. Footnotes are the distinct reasons of missing numbers."""

    columns: list[Column]
    groups: list[Group] = field(default_factory=list)
    footnotes: list[str] = field(default_factory=list)

    def cell(self, value: Any) -> Cell:
        """A number, `{"mean", "std", "per_seed"}` or `{"mean": null, "reason"}` as a cell."""
        entry = value if isinstance(value, dict) else {"mean": value}
        if entry.get("mean") is None:
            return Cell(footnote=self._footnote(str(entry.get("reason", "not computed"))))
        per_seed = tuple(three(number) for number in entry.get("per_seed") or [])
        spread = entry.get("std") if len(per_seed) != 1 else None
        return Cell(three(entry["mean"]), "" if spread is None else three(spread), per_seed)

    def _footnote(self, reason: str) -> int:
        if reason not in self.footnotes:
            self.footnotes.append(reason)
        return self.footnotes.index(reason) + 1


def three(number: float | None) -> str:
    """Three decimals, everywhere on the page."""
    return "–" if number is None else f"{number:.3f}"


def build(results: Results) -> Headline:
    """The table of `results.metrics`; models, floors, checkpoints and metrics are open-ended."""
    models = {name: results.metrics.get(name, {}) for name in results.models}
    floors: dict[str, dict[str, Any]] = results.metrics.get("floors", {})
    keys = _metric_keys(
        [*(m for entry in models.values() for m in entry.values()), *floors.values()]
    )
    table = Headline([Column(key, *METRICS.get(key, (key, ""))) for key in keys])
    checkpoints = dict.fromkeys([*GROUPS, *(name for entry in models.values() for name in entry)])
    for checkpoint in checkpoints:
        rows = [
            Row(name, colour, [table.cell(entry[checkpoint].get(key)) for key in keys])
            for colour, (name, entry) in enumerate(models.items())
            if checkpoint in entry
        ]
        _append(table, GROUPS.get(checkpoint, (checkpoint, "")), rows)
    _append(table, FLOORS, [_floor_row(table, name, entry) for name, entry in floors.items()])
    return table


def _append(table: Headline, heading: tuple[str, str], rows: list[Row]) -> None:
    if rows:
        table.groups.append(Group(*heading, rows))


def _floor_row(table: Headline, name: str, entry: dict[str, Any]) -> Row:
    """A floor's `reason` explains its nulls; a metric that it does not name was not computed."""
    null = {"mean": None, "reason": entry.get("reason", "not computed")}
    values = [entry.get(column.key, {"mean": None}) for column in table.columns]
    return Row(name, -1, [table.cell(null if value is None else value) for value in values])


def _metric_keys(entries: list[dict[str, Any]]) -> list[str]:
    """Metrics that any row has: the known ones in their order, then the others."""
    found = dict.fromkeys(key for entry in entries for key in entry if key != "reason")
    return [key for key in METRICS if key in found] + [key for key in found if key not in METRICS]
