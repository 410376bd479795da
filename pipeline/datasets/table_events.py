"""Events as a user writes them in a table: `start-end` or `start-end:Category`, joined by `;`."""

import math
import re
from collections.abc import Callable
from typing import Literal

from pipeline.datasets.listing import Event
from pipeline.errors import UserError

Unit = Literal["frames", "seconds"]
_ENTRY = re.compile(
    r"(?P<start>[-+]?[^-:]+)-(?P<end>[-+]?[^-:]+?)(?:\s*:\s*(?P<category>.+))?", re.DOTALL
)


def parse_events(text: str, unit: Unit, categories: tuple[str, ...], where: str) -> list[Event]:
    """The events of one cell, in its order; an empty cell has none.

    `start` and `end` are frames from 0 (whole numbers) or seconds from the video's start;
    the event is `[start, end)`. `categories` are the video's; where it has one, an event may leave
    it out. Raises `UserError` beginning with `where` (file and row).
    """
    entries = [entry.strip() for entry in text.split(";") if entry.strip()]
    if entries and not categories:
        raise UserError(
            f"{where}: a normal video has no event, found '{text.strip()}'; "
            "give the video a category, or empty the cell"
        )
    return [_parse_event(entry, unit, categories, where) for entry in entries]


def _parse_event(entry: str, unit: Unit, categories: tuple[str, ...], where: str) -> Event:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise UserError(f"{where}: expected start-end or start-end:Category, found '{entry}'")
    named = f"{where}: event '{entry}'"
    read: Callable[[str, str], float] = _frame if unit == "frames" else _second
    start, end = read(match["start"].strip(), named), read(match["end"].strip(), named)
    if min(start, end) < 0:
        raise UserError(f"{named} has a negative number; the video starts at 0")
    if end <= start:
        raise UserError(f"{named} must end after its start")
    return Event(start, end, _category(match["category"], categories, named), unit)


def _frame(text: str, where: str) -> int:
    try:
        return int(text)
    except ValueError:
        _second(text, where)  # no number at all is the plainer complaint
    raise UserError(
        f"{where}: '{text}' is no whole number of frames; put seconds into the column of seconds"
    )


def _second(text: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"{where}: '{text}' is not a number")
    return number


def _category(text: str | None, categories: tuple[str, ...], where: str) -> str:
    if text is None:
        if len(categories) == 1:
            return categories[0]
        raise UserError(
            f"{where}: the video has several categories ({', '.join(categories)}); "
            "say which: start-end:Category"
        )
    if text not in categories:
        raise UserError(
            f"{where}: category '{text}' is not one of this video's ({', '.join(categories)})"
        )
    return text
