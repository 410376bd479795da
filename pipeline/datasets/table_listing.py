"""From the rows of a user's table and the files of a folder to a listing."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pipeline.datasets.listing import Listing, Video, normal_form
from pipeline.datasets.video_table import Record, Row, alike_categories
from pipeline.errors import UserError


def id_of_path(text: str, where: str) -> str:
    """The name of the file that a path gives, without its suffix, as the video's id.

    Raises `UserError` for a path that leaves no name, or that is written with backslashes.
    """
    if "\\" in text:
        raise UserError(f"{where}: the path '{text}' holds a backslash; write folders with '/'")
    name = PurePosixPath(text).name
    if name in ("", ".."):
        raise UserError(f"{where}: the path '{text}' names no file; give the file of the video")
    return normal_form(PurePosixPath(name).stem)


def list_files(
    rows: Mapping[str, Row],
    split_of: Mapping[str, str],
    *,
    normal: str,
    base: Path,
    files: list[Path],
) -> Listing:
    """The rows whose files are there as videos; what is missing, unlisted or duplicated.

    Paths are relative to `base`, or absolute; a name may be written in another Unicode normal form.
    `files` are those that the rows should account for. Raises `UserError` where a path names
    a folder.
    """
    listing = Listing(videos=[], categories=categories_of(rows))
    named = {normal_form(str(file)): file for file in files}
    for video_id, row in rows.items():
        file = _locate(base / row.path, named, row.record)
        if file is None:
            listing.missing.append(video_id)
        else:
            listing.videos.append(video_of(video_id, row, file, split_of[video_id]))
    listed = {os.path.realpath(video.path) for video in listing.videos}
    for file in files:
        if os.path.realpath(file) not in listed:
            known = normal_form(file.stem) in rows
            (listing.duplicated if known else listing.unlisted).append(str(file))
    listing.mislabelled = alike_categories(rows, normal)
    return listing


def _locate(path: Path, named: Mapping[str, Path], record: Record) -> Path | None:
    if path.is_dir():
        raise UserError(f"{record.where}: {path} is a folder; a row names one file")
    if path.is_file():
        return path
    return named.get(normal_form(os.path.normpath(path)))


def video_of(video_id: str, row: Row, path: Path, split: str) -> Video:
    """The video of a row."""
    return Video(
        video_id, path, split, categories=row.categories, events=row.events, group=row.group
    )


def categories_of(rows: Mapping[str, Row]) -> list[str]:
    """All categories of a table, sorted; whether or not their videos are there."""
    return sorted({name for row in rows.values() for name in row.categories})
