"""What an adapter finds in a raw folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import UserError

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mkv", ".avi", ".mov", ".webm", ".mpg", ".mpeg", ".ts", ".flv", ".wmv"}
)
SPLITS = ("train", "test")


@dataclass(frozen=True)
class Event:
    """An annotated anomaly: frames `[start, end)`, 0-based."""

    start: int
    end: int
    category: str


@dataclass(frozen=True)
class Video:
    """One listed video. No categories means normal."""

    video_id: str
    path: Path
    split: str
    categories: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()


@dataclass
class Listing:
    """The videos found, the dataset's categories in their fixed order, and what does not fit.

    `missing`: listed but not in the folder. `unlisted`: in the folder but in no list.
    `duplicated`: further copies of a file name (the first in sorted order is used).
    """

    videos: list[Video]
    categories: list[str]
    missing: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)


def video_files(root: Path) -> Iterator[Path]:
    """All video files below `root` in sorted order, through symbolic links.

    Raises `UserError` when `root` is no folder.
    """
    if not root.is_dir():
        raise UserError(
            f"{root} is not a folder; put the videos there or link it: ln -s /path/to/videos {root}"
        )
    found = []
    for folder, _, names in os.walk(root, followlinks=True):
        found += [
            Path(folder, name)
            for name in names
            if Path(name).suffix.lower() in VIDEO_SUFFIXES and not name.startswith(".")
        ]
    yield from sorted(found)


def by_name(root: Path) -> tuple[dict[str, Path], list[str]]:
    """Video files by file name, and the paths of further copies of a name."""
    first: dict[str, Path] = {}
    duplicated = []
    for path in video_files(root):
        if path.name in first:
            duplicated.append(str(path))
        else:
            first[path.name] = path
    return first, duplicated
