"""Frame AUC of each category: as a table, and as marks that can be compared by eye."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.report.cells import Cell, Footnotes, entry_at
from pipeline.report.results import CHECKPOINT, Results
from pipeline.report.timelines import number

KEYS = ("auc", "auc_within")
WIDTH, PITCH = 100, 7  # of the drawing: AUC 0 to 1, and the height of one mark's line


@dataclass(frozen=True)
class Scorer:
    """A model or a floor (colour -1) and its `by_category` of metrics.json."""

    name: str
    colour: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Mark:
    """The AUC of one scorer in drawing units; without an interval `low` and `high` are `x`."""

    colour: int
    x: str
    y: str
    low: str
    high: str


@dataclass(frozen=True)
class CategoryRow:
    """A category, its number of test videos, two cells a scorer, and the marks of those known."""

    name: str
    n_videos: int
    cells: list[Cell]
    marks: list[Mark]


@dataclass(frozen=True)
class ByCategory:
    """The whole table, of the checkpoint of the last epoch."""

    scorers: list[Scorer]
    rows: list[CategoryRow]
    notes: Footnotes

    @property
    def height(self) -> int:
        """Of each drawing, in its own units."""
        return PITCH * len(self.scorers)

    @property
    def has_values(self) -> bool:
        """Whether any category has an AUC."""
        return any(cell.value is not None for row in self.rows for cell in row.cells)

    @property
    def why_none(self) -> str:
        """The first reasons, where no category has an AUC; those of the others are alike."""
        reasons = self.notes.reasons
        return "; ".join(reasons[:2]) + ("; and so for the others" if len(reasons) > 2 else "")


def build(results: Results) -> ByCategory:
    """Each category that metrics.json names, in the dataset's order, by models and floors."""
    scorers = _scorers(results)
    found = dict.fromkeys(name for scorer in scorers for name in scorer.values)
    order = [name for name in results.categories if name in found]
    order += [name for name in found if name not in order]
    videos = results.test_videos["categories"]
    notes = Footnotes()
    rows = [_row(name, sum(name in set(each) for each in videos), scorers, notes) for name in order]
    return ByCategory(scorers, rows, notes)


def _scorers(results: Results) -> list[Scorer]:
    """Models, then floors, that have any category."""
    models = [
        Scorer(name, colour, _of(results.metrics.get(name, {}).get(CHECKPOINT, {})))
        for colour, name in enumerate(results.models)
    ]
    floors = [
        Scorer(name, -1, _of(entry)) for name, entry in results.metrics.get("floors", {}).items()
    ]
    return [scorer for scorer in (*models, *floors) if scorer.values]


def _of(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = entry.get("by_category", {})
    return found


def _row(name: str, n_videos: int, scorers: list[Scorer], notes: Footnotes) -> CategoryRow:
    pairs = [
        [notes.cell(entry_at(scorer.values, (name, key))) for key in KEYS] for scorer in scorers
    ]
    marks = [
        _mark(scorer.colour, pair[0].value, pair[0].bounds, place)
        for place, (scorer, pair) in enumerate(zip(scorers, pairs, strict=True))
        if pair[0].value is not None
    ]
    return CategoryRow(name, n_videos, [cell for pair in pairs for cell in pair], marks)


def _mark(colour: int, value: float, bounds: tuple[float, float] | None, place: int) -> Mark:
    low, high = bounds or (value, value)
    x, left, right = (number(WIDTH * each) for each in (value, low, high))
    return Mark(colour, x, number(PITCH * (place + 0.5)), left, right)
