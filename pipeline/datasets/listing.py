"""What an adapter finds in a raw folder."""

import os
import unicodedata
from collections.abc import Iterator
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
    """One listed video. No categories means normal.

    Videos of one `group` stay on one side of a drawn split. `n_frames` and `fps` are what the
    dataset's table says of a video that comes as features; null where it does not.
    """

    video_id: str
    path: Path
    split: str
    categories: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    group: str | None = None
    n_frames: int | None = None
    fps: float | None = None


@dataclass
class Listing:
    """The videos found, the dataset's categories in their fixed order, and what does not fit.

    `missing`: listed but not in the folder. `unlisted`: in the folder but in no list.
    `duplicated`: further files of a listed name. `mislabelled`: by name, where list, annotation,
    file name or folder contradict one another, and what was made of it. `notes`: what a user
    should know of the dataset as a whole, a sentence each. `normal_spans`: whether the field's mAP
    counts a normal video of this dataset as one event of the class Normal.
    """

    videos: list[Video]
    categories: list[str]
    missing: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    mislabelled: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    normal_spans: bool = False

    def mislabel(self, name: str, reason: str) -> None:
        """Add a reason to `mislabelled`; one name may have several."""
        earlier = self.mislabelled.get(name)
        self.mislabelled[name] = f"{earlier}; {reason}" if earlier else reason


def files_below(root: Path) -> list[Path]:
    """All files below `root` in sorted order, through symbolic links, hidden ones left out.

    A link to a folder that it lies in is not followed. Raises `UserError` when `root` is no folder,
    and for a file name that is not UTF-8.
    """
    if not root.is_dir():
        raise UserError(
            f"{root} is not a folder; put the videos there or link it: ln -s /path/to/videos {root}"
        )
    return sorted(_walk(root, ()))


def _walk(folder: Path, above: tuple[str, ...]) -> Iterator[Path]:
    """Files below `folder`; `above` are the real paths of the folders that lead to it."""
    real = os.path.realpath(folder)
    if real in above or not os.access(folder, os.R_OK | os.X_OK):  # e.g. a disk's lost+found
        return
    for entry in os.scandir(folder):
        if _is_folder(entry):
            yield from _walk(folder / entry.name, (*above, real))
        elif not entry.name.startswith("."):
            if not _is_utf8(entry.name):
                shown = os.fsencode(entry.name).decode("utf-8", "backslashreplace")
                raise UserError(f"{folder}: the file name '{shown}' is not UTF-8; rename the file")
            yield folder / entry.name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_video(path: Path) -> bool:
    """Whether the file's name ends as a video's does."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def nearest(files: list[Path], pattern: str) -> Path | None:
    """The file whose name matches `pattern`, nearest to the top; none: null."""
    found = [path for path in files if path.match(pattern)]
    return min(found, key=lambda path: (len(path.parts), path), default=None)


def normal_form(name: str) -> str:
    """The name in Unicode's composed form (NFC), in which names are compared.

    A name with an accent has two spellings in bytes; macOS and archives made on it write the other.
    """
    return unicodedata.normalize("NFC", name)


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """(`file:number`, line) of each line of a text file that is not blank.

    Raises `UserError` when the file is not UTF-8.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 ({error}); save it in UTF-8") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield f"{path}:{number}", line.strip()
