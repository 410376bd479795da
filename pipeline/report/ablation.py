"""What each part of a head is worth: ablation.json as a table, each checkpoint by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.ablation_text import about_stars, changes, excludes_zero, shown_difference
from pipeline.metrics.summary import HEADLINE
from pipeline.report.cells import Cell, Footnotes, three
from pipeline.report.headline import GROUPS, METRICS
from pipeline.report.results import Results


@dataclass(frozen=True)
class Difference:
    """To the reference row, as text; `sure` where the interval excludes 0. Empty: there is none."""

    mean: str = ""
    interval: str = ""
    sure: bool = False


@dataclass(frozen=True)
class AblationRow:
    """A row at one checkpoint: what it is, and a cell and a difference for each metric.

    `footnote` says why there are none.
    """

    name: str
    changes: str
    published: str
    cells: list[tuple[Cell, Difference]]
    footnote: int = 0


@dataclass
class Ablation:
    """A table a checkpoint; without groups, `note` says why. `stars` says what a star means."""

    reference: str
    note: str
    n_test: int
    stars: str
    columns: list[str]
    has_published: bool
    groups: list[tuple[str, str, list[AblationRow]]] = field(default_factory=list)
    notes: Footnotes = field(default_factory=Footnotes)


def build(results: Results) -> Ablation:
    """The table of `results.ablation`, rows in its order, checkpoints as the headline has them."""
    found = results.ablation
    rows: dict[str, Any] = found["rows"]
    table = Ablation(
        found["reference"],
        found["note"],
        found["n_test"],
        about_stars(found),
        [METRICS[(name,)][0] for name in HEADLINE],
        any(row["published"] is not None for row in rows.values()),
    )
    named = dict.fromkeys(name for row in rows.values() for name in row.get("checkpoints", {}))
    shown = [name for name in GROUPS if name in named]
    for checkpoint in shown or list(GROUPS)[: len(rows) and 1]:
        own = [_row(name, row, checkpoint, table.notes) for name, row in rows.items()]
        table.groups.append((*GROUPS[checkpoint], own))
    return table


def _row(name: str, row: Mapping[str, Any], checkpoint: str, notes: Footnotes) -> AblationRow:
    published = "" if row["published"] is None else three(row["published"])
    size = f"; {row['parameters']:,} parameters" if "parameters" in row else ""
    about = (name, changes(row) + size, published)
    if "reason" in row:
        return AblationRow(*about, [], notes.number(row["reason"]))
    entries = row["checkpoints"].get(checkpoint, {})
    return AblationRow(
        *about,
        [
            # the interval is that of the difference: a mean's own would be read for it
            (
                replace(notes.cell(entries.get(metric)), interval=""),
                _difference(entries.get(metric, {}), checkpoint),
            )
            for metric in HEADLINE
        ],
    )


def _difference(entry: Mapping[str, Any], checkpoint: str) -> Difference:
    found = shown_difference(entry, checkpoint)
    if found is None:
        return Difference()
    bounds = " to ".join(map(signed, found.get("interval", [])))
    return Difference(signed(found["mean"]), bounds, excludes_zero(found))


def signed(number: float) -> str:
    """Three decimals with a sign that is as wide as a plus."""
    text = f"{number:+.3f}"
    return "0.000" if float(text) == 0 else text.replace("-", "−")
