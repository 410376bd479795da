"""The regression gate: today's metrics against a committed reference, with tolerances."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """One metric's comparison; `passed` unless it fell by more than `tolerance` or is gone."""

    name: str
    reference: float
    tolerance: float
    found: float | None

    @property
    def passed(self) -> bool:
        """Whether the metric is there and has not dropped."""
        return self.found is not None and self.found >= self.reference - self.tolerance


def look_up(metrics: Mapping[str, Any], name: str) -> float | None:
    """The number at a dotted name such as `refinevad.last.frame_auc.mean`; None when absent.

    `a - b` is the difference of two numbers, for instance of a head and a floor.
    """
    if " - " in name:
        first, second = (look_up(metrics, part) for part in name.split(" - ", 1))
        return None if first is None or second is None else first - second
    node: Any = metrics
    for part in name.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return None
        node = node[part]
    return float(node) if isinstance(node, int | float) else None


def compare(
    metrics: Mapping[str, Any], reference: Mapping[str, Mapping[str, float]]
) -> list[Verdict]:
    """Verdicts on every metric of `reference` (dotted name -> value and tolerance).

    Higher is better for all of them; an improvement passes whatever its size.
    """
    return [
        Verdict(name, entry["value"], entry["tolerance"], look_up(metrics, name))
        for name, entry in reference.items()
    ]


def as_markdown(verdicts: list[Verdict]) -> str:
    """The verdicts as a Markdown table."""
    lines = ["| metric | reference | tolerance | found | |", "|---|---|---|---|---|"]
    for verdict in verdicts:
        found = "absent" if verdict.found is None else f"{verdict.found:.4f}"
        mark = "ok" if verdict.passed else "DROPPED"
        numbers = f"{verdict.reference:.4f} | {verdict.tolerance:.4f} | {found}"
        lines.append(f"| {verdict.name} | {numbers} | {mark} |")
    return "\n".join(lines)
