"""The lines of UCF-Crime's three list files.

`Anomaly_Train.txt` and `Anomaly_Test.txt` hold a relative path a line, `Abuse/Abuse028_x264.mp4`; a
folder with "Normal" in its name means normal. `Temporal_Anomaly_Annotation*.txt` holds
`name  category  start end  start end`, -1 for none, which we read as 0-based, half-open
frame intervals.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.datasets.listing import Event, is_video, read_lines
from pipeline.errors import UserError


@dataclass(frozen=True)
class Entry:
    """A line of a list: the video's relative path, its categories, and the file and line."""

    path: PurePosixPath
    categories: tuple[str, ...]
    where: str


def read_list(path: Path, categories: list[str]) -> list[Entry]:
    """The lines of a list; raises `UserError` naming file and line."""
    entries: list[Entry] = []
    for where, line in read_lines(path):
        video = PurePosixPath(line)
        folder = video.parent.name
        if len(video.parts) < 2 or not is_video(Path(video)):
            raise UserError(f"{where}: expected <Category>/<name>.mp4, found {line!r}")
        if "Normal" in folder:
            entries.append(Entry(video, (), where))
        elif folder in categories:
            entries.append(Entry(video, (folder,), where))
        else:
            known = ", ".join(categories)
            raise UserError(f"{where}: unknown category '{folder}' (known: {known})")
    return entries


def read_annotation(
    path: Path, categories: list[str]
) -> dict[str, tuple[tuple[str, ...], tuple[Event, ...]]]:
    """(categories, events) by video id; raises `UserError` naming file and line."""
    annotated: dict[str, tuple[tuple[str, ...], tuple[Event, ...]]] = {}
    for where, line in read_lines(path):
        name, *rest = line.split()
        category, bounds = (rest[0], rest[1:]) if rest else ("", [])
        if (category != "Normal" and category not in categories) or not bounds:
            raise UserError(f"{where}: expected `name category start end ...`, found {line!r}")
        if Path(name).stem in annotated:
            raise UserError(f"{where}: {name} has been annotated in an earlier line")
        events = _pairs(bounds, category, where)
        if events and category == "Normal":
            raise UserError(f"{where}: a normal video has no event, expected -1 -1, found {line!r}")
        annotated[Path(name).stem] = () if category == "Normal" else (category,), events
    return annotated


def _pairs(bounds: list[str], category: str, where: str) -> tuple[Event, ...]:
    try:
        numbers = [int(bound) for bound in bounds]
    except ValueError:
        raise UserError(f"{where}: expected frame numbers, found {' '.join(bounds)!r}") from None
    if len(numbers) % 2:
        raise UserError(f"{where}: expected pairs of first and last frame, found {numbers}")
    pairs = [pair for pair in zip(numbers[::2], numbers[1::2], strict=True) if pair != (-1, -1)]
    for start, end in pairs:
        if not 0 <= start < end:
            raise UserError(f"{where}: expected 0 <= start < end or -1 -1, found {start} {end}")
    return tuple(Event(start, end, category) for start, end in pairs)
