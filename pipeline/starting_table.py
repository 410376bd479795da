"""A first `videos.csv` from sub-folders, for the user to complete.

The first folder below the root is the category, `Fight/a.mp4`; below folders called train, test or
validation it is the second, `train/Fight/a.mp4`. A folder with "normal" in its name (but not
"abnormal") means normal. Files that lie in no such folder have an empty category, to be filled in.
"""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.listing import VIDEO_SUFFIXES, files_below, is_video, normal_form
from pipeline.errors import UserError

SPLIT_OF_FOLDER = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
_NORMAL = re.compile(r"(?<!a)(?<!ab)normal", re.IGNORECASE)


@dataclass(frozen=True)
class StartingRow:
    """A video: its path from the root; its category, null where no folder tells; empty: normal."""

    path: str
    split: str
    category: str | None


def rows_from_folders(root: Path) -> list[StartingRow]:
    """A row for each video below `root`, in the order of their paths.

    Raises `UserError` when there is none, when two would have one id, and when a name cannot
    stand in the table.
    """
    files = [file.relative_to(root) for file in files_below(root) if is_video(file)]
    if not files:
        suffixes = " ".join(sorted(VIDEO_SUFFIXES))
        raise UserError(f"{root}: no video here or below; looked for files ending in {suffixes}")
    path_of: dict[str, Path] = {}
    for file in files:
        earlier = path_of.setdefault(normal_form(file.stem), file)
        if earlier != file:
            raise UserError(
                f"{root}: {earlier} and {file} have one name, which is the video's id; rename one"
            )
    return [_row(file) for file in files]


def _row(file: Path) -> StartingRow:
    folders = file.parts[:-1]
    split = SPLIT_OF_FOLDER.get(folders[0].lower(), "") if folders else ""
    below = folders[1:] if split else folders
    category = None if not below else "" if _NORMAL.search(below[0]) else below[0]
    if "\\" in str(file) or ";" in (category or ""):
        raise UserError(f"{file}: the table has no room for '\\' or a category's ';'; rename it")
    return StartingRow(file.as_posix(), split, category)


def to_csv(rows: list[StartingRow]) -> str:
    """The table's text; a `split` column only where folders tell one."""
    splits = ["split"] if any(row.split for row in rows) else []
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["path", *splits, "categories", "events"])
    for row in rows:
        writer.writerow([row.path, *([row.split] if splits else []), row.category or "", ""])
    return out.getvalue()


def advice(rows: list[StartingRow], table: Path) -> str:
    """What was written and what to do next, a line each."""
    counts = Counter(row.category or "normal" for row in rows if row.category is not None)
    found = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    lines = [f"{table}: {len(rows)} videos" + (f" ({found})" if found else "")]
    lines += _to_fill_in([row.path for row in rows if row.category is None], "category")
    if all(row.category for row in rows):
        lines.append(
            'No video is normal: no folder has "normal" in its name. Empty the categories that '
            "mean normal, or name the one in sources.own.normal of params.yaml."
        )
    if any(row.split for row in rows):
        lines += _to_fill_in([row.path for row in rows if not row.split], "split")
    else:
        lines.append(
            "There is no split column: sources.own.test_share of params.yaml draws a test split. "
            "Or add the column."
        )
    lines.append(f"Check the table, then: make repro DATASET=own RAW={table.parent}")
    return "\n".join(lines)


def _to_fill_in(paths: list[str], column: str) -> list[str]:
    if not paths:
        return []
    empty = "; empty means normal" if column == "category" else ""
    return [f"To be filled in, the {column} of {len(paths)} (no folder tells it{empty}):"] + [
        f"  {path}" for path in paths
    ]
