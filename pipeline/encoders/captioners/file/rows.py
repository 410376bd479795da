"""One row of a user's caption table: checked, in frames."""

import math
from typing import Any

from pipeline.config import CaptionColumns, FileCaption
from pipeline.encoders.captioners.file.records import Record
from pipeline.encoders.captioners.snippets import Given


class WrongRowError(Exception):
    """A cell that cannot be: its column, and what was expected and found."""

    def __init__(self, column: str, fault: str) -> None:
        super().__init__(f"column '{column}': {fault}")


def name_of(record: Record, column: str) -> str:
    """What a row calls its video; raises `WrongRowError`."""
    name = record.get(column)
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str) or not name.strip():
        raise WrongRowError(column, f"expected a video's id or file, found {shown(name)}")
    return name.strip()


def given_of(record: Record, number: int, fps: float, settings: FileCaption) -> Given:
    """Row `number` of a video of `fps` frames a second; raises `WrongRowError`."""
    columns = settings.columns
    caption, snippet = record.get(columns.caption), record.get(columns.snippet)
    if not isinstance(caption, str):
        raise WrongRowError(columns.caption, f"expected text, found {shown(caption)}")
    if snippet is None:
        rate = fps if settings.unit == "seconds" else 1.0
        start, end = (_snap(time * rate) for time in _span(record, columns))
        return Given(start, end, caption, row=number)
    for column in (columns.start, columns.end):
        if record.get(column) is not None:
            raise WrongRowError(
                column,
                f"found {shown(record[column])} beside '{columns.snippet}' {shown(snippet)}; "
                "give one or the other",
            )
    own = _number(columns.snippet, snippet)
    if own != int(own):
        raise WrongRowError(columns.snippet, f"expected a whole number, found {shown(snippet)}")
    return Given(math.nan, math.nan, caption, int(own), number)


def _span(record: Record, columns: CaptionColumns) -> tuple[float, float]:
    """Start and end as the row has them."""
    start, end = record.get(columns.start), record.get(columns.end)
    if start is None and end is None:
        raise WrongRowError(
            columns.snippet,
            f"found nothing, nor in '{columns.start}' and '{columns.end}'; give the snippet's "
            "number or a span",
        )
    first, last = _number(columns.start, start), _number(columns.end, end)
    if last < first:
        raise WrongRowError(
            columns.end, f"found {shown(end)}, which is before the start, {shown(start)}"
        )
    return first, last


def _number(column: str, cell: Any) -> float:
    try:
        if isinstance(cell, bool) or cell is None:
            raise ValueError
        number = float(cell)
    except (TypeError, ValueError, OverflowError):
        raise WrongRowError(column, f"expected a number, found {shown(cell)}") from None
    if not 0 <= number < math.inf:  # nor is it NaN
        raise WrongRowError(column, f"expected a number from 0, found {shown(cell)}")
    return number


def _snap(position: float) -> float:
    """A position in frames; a whole frame where it is one but for a rate's precision (float32)."""
    whole = math.floor(position + 0.5)
    return float(whole) if abs(position - whole) <= position * 2**-23 else position


def shown(cell: Any) -> str:
    """A cell for a message."""
    text = "nothing" if cell is None else repr(cell)
    return text if len(text) <= 60 else text[:59] + "…"
