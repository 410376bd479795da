"""One number of metrics.json as what a table shows; a footnote says why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NOT_COMPUTED = "not computed"


@dataclass(frozen=True)
class Cell:
    """A mean over seeds and what is known of it, as text; `footnote` (from 1) where there is none.

    `std` is over seeds (none for one seed), `interval` the bootstrap's. `value` and `bounds` are
    the mean and the interval as numbers.
    """

    mean: str = ""
    std: str = ""
    interval: str = ""
    per_seed: tuple[str, ...] = ()
    footnote: int = 0
    value: float | None = None
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True)
class Row:
    """The cells of one model or floor; `colour` is the model's index, -1 for a floor."""

    name: str
    colour: int
    cells: list[Cell]

    @property
    def seeds(self) -> int:
        """How many seeds the means are over; 0 for a floor, which has none."""
        return max((len(cell.per_seed) for cell in self.cells), default=0)

    @property
    def footnote(self) -> int:
        """The footnote that all cells share, 0 where they do not."""
        numbers = {cell.footnote for cell in self.cells}
        return numbers.pop() if len(numbers) == 1 else 0


@dataclass
class Footnotes:
    """The distinct reasons of a table's missing numbers, in order of appearance."""

    reasons: list[str] = field(default_factory=list)

    def number(self, reason: str) -> int:
        """The footnote (from 1) that gives this reason."""
        if reason not in self.reasons:
            self.reasons.append(reason)
        return self.reasons.index(reason) + 1

    def cell(self, entry: Mapping[str, Any] | None, absent: str = NOT_COMPUTED) -> Cell:
        """`{"mean", "std", "per_seed", "interval"}` or `{"mean": null, "reason"}` as a cell.

        `absent` is the reason where there is no entry, or none given.
        """
        if entry is None or entry.get("mean") is None:
            return Cell(footnote=self.number(str((entry or {}).get("reason", absent))))
        per_seed = tuple(three(number) for number in entry.get("per_seed", []))
        bounds = entry.get("interval")
        return Cell(
            mean=three(entry["mean"]),
            std=three(entry["std"]) if len(per_seed) > 1 else "",
            interval="–".join(map(three, bounds)) if bounds else "",
            per_seed=per_seed,
            value=float(entry["mean"]),
            bounds=(float(bounds[0]), float(bounds[1])) if bounds else None,
        )


def entry_at(metrics: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any] | None:
    """The entry of metrics.json below nested names, None where there is none."""
    found: Any = metrics
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) and "mean" in found else None


def three(number: float | None) -> str:
    """Three decimals, everywhere on the page."""
    return "–" if number is None else f"{number:.3f}"
