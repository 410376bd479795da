"""What an adapter finds in a raw folder."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline.errors import UserError

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mkv", ".avi", ".mov", ".webm", ".mpg", ".mpeg", ".ts", ".flv", ".wmv"}
)
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Event:
    """An annotated anomaly `[start, end)`: frames from 0, or seconds from the video's start."""

    start: float
    end: float
    category: str
    unit: Literal["frames", "seconds"] = "frames"


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
    `duplicated`: further files of a listed name. `mislabelled`: by name, where list, annotation,
    file name or folder contradict one another, and what was made of it.
    """

    videos: list[Video]
    categories: list[str]
    missing: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    mislabelled: dict[str, str] = field(default_factory=dict)


def files_below(root: Path) -> list[Path]:
    """All files below `root` in sorted order, through symbolic links, hidden ones left out.

    Raises `UserError` when `root` is no folder.
    """
    if not root.is_dir():
        raise UserError(
            f"{root} is not a folder; put the videos there or link it: ln -s /path/to/videos {root}"
        )
    return sorted(
        Path(folder, name)
        for folder, _, names in os.walk(root, followlinks=True)
        for name in names
        if not name.startswith(".")
    )


def is_video(path: Path) -> bool:
    """Whether the file's name ends as a video's does."""
    return path.suffix.lower() in VIDEO_SUFFIXES
