"""Which features are wanted: a video's file, and what its table says of the video."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config import FeaturesSource, Modality
from pipeline.errors import UserError


class FeaturesError(UserError):
    """A video's features cannot be used; the message names the file and the way out."""


@dataclass(frozen=True)
class Request:
    """A video's features in one modality, and its length and rate where they are known.

    `path` is its own file, or the Parquet table that holds all videos. A `sha256` that is not
    empty is the `digest` that the manifest holds.
    """

    path: Path
    video_id: str
    n_frames: int | None
    fps: float | None
    sha256: str = ""

    @property
    def is_table(self) -> bool:
        """Whether the features are rows of a Parquet table."""
        return self.path.suffix.lower() == ".parquet"

    @property
    def name(self) -> str:
        """The file, and within a table the video: how errors call it."""
        return f"{self.path}, video '{self.video_id}'" if self.is_table else str(self.path)


def request_of(
    settings: FeaturesSource, raw: Path, row: Mapping[str, Any], modality: Modality
) -> Request:
    """The request for a manifest row's features.

    The row's `path` and `sha256` are those of the first modality; another modality's file has the
    same path below its own folder. Raises `FeaturesError` when `path` is not below the first
    folder, so that there is no such path.
    """
    path, first = Path(row["path"]), settings.brings[0]
    if modality == first:
        return Request(path, row["video_id"], row["n_frames"], row["fps"], row["sha256"])
    folder = raw / settings.folders[first]
    if not path.is_relative_to(folder):
        raise FeaturesError(
            f"{path} is not below {folder} (which paths in a table of videos are relative to), so "
            f"its {modality} features cannot be found at the same place below "
            f"{raw / settings.folders[modality]}; put both there"
        )
    other = raw / settings.folders[modality] / path.relative_to(folder)
    return Request(other, row["video_id"], row["n_frames"], row["fps"])
