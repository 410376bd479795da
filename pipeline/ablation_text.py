"""The table of an ablation for people: as Markdown, which is read in a terminal too, and as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.metrics.summary import HEADLINE

LABELS = dict(zip(HEADLINE, ("frame AUC", "AnoAUC", "AP", "video AUC"), strict=True))
CHECKPOINTS = {
    "last": "Last epoch: nothing was chosen on test data",
    "best_on_validation": "Best epoch on validation videos",
    "best_on_test": "Best epoch on the test videos, as most papers choose it: optimistic",
}
CHOSEN_ON_TEST = "best_on_test"
ABOUT = ("mean", "std", "low", "high")


def shown_difference(entry: Mapping[str, Any], checkpoint: str) -> dict[str, Any] | None:
    """A metric's difference to the reference row, as it may be shown; None where there is none.

    Without its interval where the epoch was chosen on the same videos: that knows nothing of the
    choice, and would mark what was picked.
    """
    found = entry.get("difference")
    if found is None or found["mean"] is None:
        return None
    hidden = {"interval"} if checkpoint == CHOSEN_ON_TEST else set()
    return {name: value for name, value in found.items() if name not in hidden}


def excludes_zero(difference: Mapping[str, Any] | None) -> bool:
    """Whether the interval of a difference lies on one side of 0; False where it has none."""
    low, high = (difference or {}).get("interval") or (0.0, 0.0)
    return bool(low > 0 or high < 0)


def about_stars(result: Mapping[str, Any]) -> str:
    """What a star says and what it does not; empty where no row can have one."""
    rows, reference = result["rows"], result["reference"]
    n_rows = sum(name != reference and "reason" not in row for name, row in rows.items())
    if not n_rows or "reason" in rows.get(reference, {"reason": ""}):
        return ""
    return (
        "A star: the 95 % bootstrap interval of the difference over test videos excludes 0. Of "
        f"{n_rows} row{'s' if n_rows > 1 else ''} without any effect, about one in twenty would "
        "get a star by chance in each column; other seeds and other training videos would move a "
        "difference too. Where the epoch was chosen on the test videos, nothing is marked."
    )


def how_to_read(result: dict[str, Any]) -> str:
    """What the numbers are, in words."""
    what = (
        f"Mean ± standard deviation over seeds on {result['n_test']} test videos, then the "
        f"difference to '{result['reference']}', seed by seed."
    )
    return " ".join([what, about_stars(result)]).strip()


def changes(row: Mapping[str, Any]) -> str:
    """What a row changes, on one line."""
    head = [] if row["head"] == "refinevad" else [f"head {row['head']}"]
    shown = [f"{key} {_plain(value)}" for key, value in row["changes"].items()]
    return ", ".join(head + shown) or "no change"


def tables(result: dict[str, Any]) -> str:
    """A table a checkpoint, as Markdown."""
    if not result["rows"]:
        return str(result["note"])
    names = dict.fromkeys(
        name for row in result["rows"].values() for name in row.get("checkpoints", {})
    )
    parts = []
    for checkpoint in [name for name in CHECKPOINTS if name in names] or ["last"]:
        heading = ["", *LABELS.values()]
        body = [_line(name, row, checkpoint) for name, row in result["rows"].items()]
        if any(row["published"] is not None for row in result["rows"].values()):
            heading.append("published frame AUC")
            for line, row in zip(body, result["rows"].values(), strict=True):
                line.append("" if row["published"] is None else f"{row['published']:.4f}")
        parts.append(f"{CHECKPOINTS[checkpoint]}\n\n{_aligned([heading, *body])}")
    reasons = [
        f"- {name}: not available: {row['reason']}"
        for name, row in result["rows"].items()
        if "reason" in row
    ]
    return "\n\n".join([*parts, *(["\n".join(reasons)] if reasons else [])])


def as_markdown(result: dict[str, Any]) -> str:
    """The tables, how to read them, and what each row is."""
    rows = result["rows"]
    if not rows:
        return f"{result['note']}\n"
    listed = [
        f"- {name}: {changes(row)}"
        + (f" ({row['parameters']:,} parameters)" if "parameters" in row else "")
        for name, row in rows.items()
    ]
    what = f"What each row changes of the settings in params.yaml:\n\n{chr(10).join(listed)}"
    return "\n\n".join([tables(result), how_to_read(result), what]) + "\n"


def as_csv(result: dict[str, Any]) -> str:
    """A line a row and checkpoint, all numbers in full."""
    numbers = [
        f"{metric}{part}_{about}"
        for metric in HEADLINE
        for part in ("", "_difference")
        for about in ABOUT
    ]
    out = io.StringIO()
    first = ["row", "checkpoint", "parameters", "changes", "published_frame_auc"]
    writer = csv.DictWriter(out, [*first, *numbers, "reason"], lineterminator="\n")
    writer.writeheader()
    for name, row in result["rows"].items():
        published = {} if row["published"] is None else {"published_frame_auc": row["published"]}
        about = {"row": name, "changes": changes(row), **published}
        if "reason" in row:
            writer.writerow(about | {"reason": row["reason"]})
        for checkpoint, entry in row.get("checkpoints", {}).items():
            found = about | {"checkpoint": checkpoint, "parameters": row["parameters"]}
            for metric in HEADLINE:
                found |= _numbers(metric, entry[metric])
                found |= _numbers(f"{metric}_difference", entry[metric].get("difference"))
            writer.writerow(found)
    return out.getvalue()


def _numbers(name: str, entry: dict[str, Any] | None) -> dict[str, float]:
    if entry is None or entry["mean"] is None:
        return {}
    low, high = entry.get("interval", (None, None))
    values = zip(ABOUT, (entry["mean"], entry["std"], low, high), strict=True)
    return {f"{name}_{about}": value for about, value in values if value is not None}


def _line(name: str, row: dict[str, Any], checkpoint: str) -> list[str]:
    entry = row.get("checkpoints", {}).get(checkpoint, {})
    return [name, *(_cell(entry.get(metric, {"mean": None}), checkpoint) for metric in HEADLINE)]


def _cell(entry: dict[str, Any], checkpoint: str) -> str:
    if entry["mean"] is None:
        return "n/a"
    spread = f" ± {entry['std']:.3f}" if len(entry["per_seed"]) > 1 else ""
    text = f"{entry['mean']:.3f}{spread}"
    difference = shown_difference(entry, checkpoint)
    if difference is None:
        return text
    return f"{text} {difference['mean']:+.3f}{'*' if excludes_zero(difference) else ''}"


def _plain(value: Any) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    """Cells as a Markdown table whose columns stand below one another."""
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*escaped, strict=True)]
    padded = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |"
        for line in escaped
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([padded[0], rule, *padded[1:]])
