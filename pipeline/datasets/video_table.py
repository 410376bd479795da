"""A user's own table of videos: its rows, read and checked.

Columns (their names can be mapped in `params.yaml`; blanks around a cell do not count):

- `path`: what the row is about; an adapter says what it names.
- `categories`: the anomaly categories, joined by `;`. Empty, or the name that `normal` gives,
  means normal.
- `split`: `train`, `validation` or `test`. Without this column `test_share` draws a test split.
- `events` in frames, or `events_seconds`: see `table_events`. Neither: no event is known.
- the column that `columns.group` names: videos of one group never part in a drawn split.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import FolderColumns, TableSource
from pipeline.datasets import splits
from pipeline.datasets.listing import SPLITS, Event
from pipeline.datasets.table_events import Unit, parse_events
from pipeline.errors import UserError

NEEDED = ("path", "categories")
OPTIONAL = ("split", "events", "events_seconds", "group", "n_frames", "fps")


@dataclass(frozen=True)
class Record:
    """A row as it stands: where (file and row), and its cells by column, without outer blanks."""

    where: str
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Row:
    """A checked row; `split` is null where the table has no such column."""

    record: Record
    path: str
    categories: tuple[str, ...]
    split: str | None
    events: tuple[Event, ...]
    group: str | None


def read_csv(path: Path) -> tuple[list[str], list[Record]]:
    """The columns and the records of a CSV file; raises `UserError` naming file and line."""
    if not path.is_file():
        raise UserError(
            f"{path} does not exist; list the videos there (path,split,categories), or let "
            f"`python -m stages.videos_csv {path.parent}` begin it from sub-folders"
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no CSV table in UTF-8: {error}") from error
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise UserError(f"{path}:1: the column '{twice[0]}' stands there twice; rename one")
    records = []
    for number, cells in lines:
        if any(cells) and len(cells) != len(header):
            raise UserError(
                f"{path}:{number}: expected {len(header)} cells, found {len(cells)}; "
                'a cell that holds a comma needs quotes: "a,b"'
            )
        if any(cells):
            records.append(Record(f"{path}:{number}", dict(zip(header, cells, strict=True))))
    return header, records


def check_columns(header: list[str], columns: FolderColumns, path: Path) -> None:
    """Raise `UserError` unless each needed column, and each that `columns` renames, is there."""
    defaults = type(columns)()
    for key in (*NEEDED, *OPTIONAL):
        name = getattr(columns, key, None)
        if name is None or name in header:
            continue
        if key in NEEDED or name != getattr(defaults, key):
            raise UserError(
                f"{path}: no column '{name}', found {', '.join(header)}; add it, or set "
                f"columns.{key} under this dataset's source in params.yaml"
            )


def check_rows(
    records: Iterable[Record], settings: TableSource, id_of: Callable[[Record], str]
) -> dict[str, Row]:
    """Each record as a checked row, by video id; raises `UserError` naming file and row.

    `id_of` gives the video id of a record, or raises.
    """
    rows: dict[str, Row] = {}
    for record in records:
        if not record.cells[settings.columns.path]:
            raise UserError(f"{record.where}: column '{settings.columns.path}' is empty; fill it")
        video_id = id_of(record)
        if video_id in rows:
            raise UserError(
                f"{record.where}: video id '{video_id}' stands at {rows[video_id].record.where} "
                "too; each video needs an id of its own (a file's name without its suffix)"
            )
        rows[video_id] = _check_row(record, settings)
    return rows


def _check_row(record: Record, settings: TableSource) -> Row:
    cells, columns = record.cells, settings.columns
    split = cells.get(columns.split)
    if split is not None and split not in SPLITS:
        raise UserError(f"{record.where}: split is '{split}', expected {', '.join(SPLITS)}")
    named = dict.fromkeys(_names(cells[columns.categories]))
    categories = tuple(name for name in named if name != settings.normal)
    if categories and len(categories) < len(named):
        raise UserError(
            f"{record.where}: a video is either '{settings.normal}' or {', '.join(categories)}, "
            "not both; remove one"
        )
    return Row(
        record=record,
        path=cells[columns.path],
        categories=categories,
        split=split,
        events=_events(record, columns, categories),
        group=cells[columns.group] or None if columns.group else None,
    )


def _names(cell: str) -> list[str]:
    return [name for part in cell.split(";") if (name := part.strip())]


def _events(
    record: Record, columns: FolderColumns, categories: tuple[str, ...]
) -> tuple[Event, ...]:
    units: dict[str, Unit] = {columns.events: "frames", columns.events_seconds: "seconds"}
    filled = [name for name in units if record.cells.get(name)]
    if len(filled) > 1:
        raise UserError(
            f"{record.where}: events stand in both '{filled[0]}' and '{filled[1]}'; empty one"
        )
    return tuple(
        event
        for name in filled
        for event in parse_events(record.cells[name], units[name], categories, record.where)
    )


def split_of(rows: Mapping[str, Row], test_share: float | None) -> dict[str, str]:
    """The split of each video: the table's, else drawn by `test_share`, else `train`.

    The draw is over all rows, whether or not their files are there.
    """
    if test_share is None or any(row.split is not None for row in rows.values()):
        return {video_id: row.split or "train" for video_id, row in rows.items()}
    members = {
        video_id: splits.member(video_id, row.group, row.categories)
        for video_id, row in rows.items()
    }
    drawn = splits.draw(members, test_share, salt="test")
    return {video_id: "test" if video_id in drawn else "train" for video_id in rows}


def alike_categories(rows: Mapping[str, Row], normal: str) -> dict[str, str]:
    """Categories that differ by case or blanks alone, each with what it is like.

    `normal` is compared too: a category "normal" beside a `normal` of "Normal" is an anomaly.
    """
    counts = Counter(name for row in rows.values() for name in row.categories)
    alike: dict[str, list[str]] = defaultdict(list)
    for name in sorted({*counts, normal}):
        alike["".join(name.split()).casefold()].append(name)
    found = {}
    for names in alike.values():
        for name in names:
            others = ", ".join(f"'{other}'" for other in names if other != name)
            if others and name in counts:
                found[f"category '{name}'"] = (
                    f"differs from {others} by case or blanks alone; kept as a category of its own "
                    f"({counts[name]} videos): write them alike if they are one"
                )
    return found
