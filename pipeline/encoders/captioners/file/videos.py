"""Whose captions the rows of a user's table are."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.config import FileCaption
from pipeline.datasets.listing import is_video, normal_form
from pipeline.encoders.captioners.file.records import Record, place, read_records
from pipeline.encoders.captioners.file.rows import WrongRowError, given_of, name_of, shown
from pipeline.encoders.captioners.snippets import Given
from pipeline.errors import UserError

NAMED = 10  # wrong rows in one message
STRANGERS = 5  # videos in the line about those that the manifest does not have


def read_given(
    settings: FileCaption, raw: Path, rows: Iterable[Mapping[str, Any]]
) -> dict[str, list[Given]]:
    """The captions of the table `settings.path` below `raw`, by id of the manifest's `rows`.

    Spans are in frames, seconds by the manifest's frame rate; captions stand in the table's order.
    A table names a video by its id, by its file, or by a path to it. Rows of further
    videos are counted in one printed line. Raises `UserError` naming the wrong rows: the first
    ten, and how many there are.
    """
    parts = PurePosixPath(settings.path).parts
    if PurePosixPath(settings.path).is_absolute() or ".." in parts:
        raise UserError(
            f"params.yaml: caption.path is '{settings.path}', expected a path below {raw}; "
            "put the table there, or a link to it"
        )
    path = raw / settings.path
    found = _Found(settings, path, {row["video_id"]: float(row["fps"]) for row in rows})
    for number, record in read_records(path, settings.columns):
        found.add(number, record)
    found.check()
    found.tell_strangers()
    return found.given


def check_numbers(
    settings: FileCaption, raw: Path, given: Mapping[str, Sequence[Given]], n_snippets: int
) -> None:
    """Raise `UserError` where a table's captions were made for fewer snippets than T.

    That is where all rows are numbered and none is of snippet T - 1: each would be taken for one
    of an earlier and shorter part of its video. A number beyond T - 1 is its own video's error.
    """
    numbers = [row.snippet for rows in given.values() for row in rows]
    own = [number for number in numbers if number is not None]
    if not own or len(own) < len(numbers) or max(own) >= n_snippets - 1:
        return
    columns = settings.columns
    raise UserError(
        f"{raw / settings.path}, column '{columns.snippet}': the highest number of any video is "
        f"{max(own)}, expected {n_snippets - 1}, as decode.snippets in params.yaml is "
        f"{n_snippets}; give '{columns.start}' and '{columns.end}' instead of numbers, or set "
        f"decode.snippets to what the captions were made for, probably {max(own) + 1}"
    )


def digest(given: Sequence[Given]) -> str:
    """What identifies a video's captions: all that its rows say, in their order."""
    said = [(row.start, row.end, row.snippet, row.caption) for row in given]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


@dataclass
class _Found:
    """The rows of the table at `path` so far; `rates` are frames a second by the manifest's ids."""

    settings: FileCaption
    path: Path
    rates: Mapping[str, float]
    given: dict[str, list[Given]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    n_wrong: int = 0
    strangers: Counter[str] = field(default_factory=Counter)
    ids: dict[str, str | None] = field(default_factory=dict)  # by what the table calls a video
    names: dict[str, tuple[str, int]] = field(default_factory=dict)  # by id, with its first row
    numbered: dict[tuple[str, int], int] = field(default_factory=dict)  # rows by id and snippet

    def add(self, number: int, record: Record) -> None:
        """Take one row."""
        try:
            name = name_of(record, self.settings.columns.video_id)
            video_id = self._id(name, number)
            if video_id is None:
                self.strangers[name] += 1
                return
            given = given_of(record, number, self.rates[video_id], self.settings)
            self._check_once(video_id, given)
            self.given.setdefault(video_id, []).append(given)
        except WrongRowError as error:
            self.n_wrong += 1
            if len(self.wrong) < NAMED:
                self.wrong.append(f"  {place(self.path, number)}, {error}")

    def _id(self, name: str, number: int) -> str | None:
        """The manifest's id of the video that the table calls `name`, and calls nothing else."""
        if name not in self.ids:
            self.ids[name] = next((own for own in _readings(name) if own in self.rates), None)
        video_id = self.ids[name]
        if video_id is not None:
            other, row = self.names.setdefault(video_id, (name, number))
            if other != name:
                raise WrongRowError(
                    self.settings.columns.video_id,
                    f"found {shown(name)}, but {place(self.path, row)} calls the video "
                    f"'{video_id}' {shown(other)}; are they two? call one video one name",
                )
        return video_id

    def _check_once(self, video_id: str, given: Given) -> None:
        if given.snippet is None:
            return
        earlier = self.numbered.setdefault((video_id, given.snippet), given.row)
        if earlier != given.row:
            raise WrongRowError(
                self.settings.columns.snippet,
                f"found {given.snippet} of '{video_id}', which {place(self.path, earlier)} has "
                "too; keep one of them",
            )

    def check(self) -> None:
        """Raise `UserError` where a row was wrong."""
        if self.n_wrong:
            rest = self.n_wrong - len(self.wrong)
            raise UserError(
                f"{self.path}: {self.n_wrong} wrong rows; mend or remove them:\n"
                + "\n".join(self.wrong)
                + (f"\n  and {rest} more" if rest else "")
            )

    def tell_strangers(self) -> None:
        """Print how many rows are of no usable video of the manifest."""
        if self.strangers:
            first = ", ".join(map(shown, list(self.strangers)[:STRANGERS]))
            print(
                f"{self.path}: {self.strangers.total()} rows are left out, of "
                f"{len(self.strangers)} videos that are not among the manifest's usable ones: "
                + (f"{first}, ..." if len(self.strangers) > STRANGERS else first)
            )


def _readings(name: str) -> list[str]:
    """The ids that a name in a table may mean, the plainest first."""
    whole = normal_form(name)
    readings = [whole, re.split(r"[\\/]", whole)[-1]]
    return readings + [own[: own.rindex(".")] for own in readings if is_video(Path(own))]
