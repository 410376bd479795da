"""A user's own videos, listed in a CSV file in the raw folder.

Columns (their names can be mapped in `params.yaml`):

- `path`: the file, relative to the CSV file; its name without the suffix is the video id.
- `categories`: the anomaly categories, joined by `;`. Empty, or the name that
  `normal` gives, means normal.
- `split`: `train` or `test`. Without this column a test split is drawn: groups (of the column
  that `columns.group` names, else each video by itself) in the order of their names' hashes,
  until `test_share` of the videos is reached, so that the videos of one group never part.
"""

import hashlib
from collections import Counter
from pathlib import Path

import pandas as pd

from pipeline.config import FolderSource
from pipeline.datasets.listing import SPLITS, Listing, Video, files_below, is_video
from pipeline.errors import UserError


def list_videos(root: Path, settings: FolderSource) -> Listing:
    """The videos that the CSV file lists; raises `UserError` naming file and row."""
    path = root / settings.table
    if not path.is_file():
        raise UserError(f"{path} does not exist; list the videos there (path,split,categories)")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise UserError(f"{path} is no CSV table in UTF-8: {error}") from error
    columns = settings.columns
    for column in (columns.path, columns.categories, columns.group):
        if column is not None and column not in table:
            raise UserError(f"{path}: no column '{column}', found {', '.join(table.columns)}")
    entries: list[dict[str, str]] = table.to_dict("records")  # type: ignore[assignment]
    split_of = _splits(entries, settings, path)
    listing = Listing(videos=[], categories=[])
    row_of: dict[str, int] = {}
    for row, (entry, split) in enumerate(zip(entries, split_of, strict=True), start=2):
        if not entry[columns.path].strip():
            raise UserError(f"{path}:{row}: column '{columns.path}' is empty")
        file = path.parent / entry[columns.path]
        if file.stem in row_of:
            raise UserError(
                f"{path}:{row}: video id '{file.stem}' stands in row {row_of[file.stem]} too"
            )
        row_of[file.stem] = row
        if file.is_file():
            categories = _categories(entry[columns.categories], settings.normal)
            listing.videos.append(Video(file.stem, file, split, categories))
        else:
            listing.missing.append(file.stem)
    listed = {video.path for video in listing.videos}
    listing.unlisted = [
        str(file) for file in files_below(root) if is_video(file) and file not in listed
    ]
    listing.categories = sorted({name for v in listing.videos for name in v.categories})
    return listing


def _categories(text: str, normal: str) -> tuple[str, ...]:
    names = dict.fromkeys(part.strip() for part in text.split(";"))
    return tuple(name for name in names if name and name != normal)


def _splits(entries: list[dict[str, str]], settings: FolderSource, path: Path) -> list[str]:
    """The split of each row of the table."""
    columns = settings.columns
    if not entries or columns.split in entries[0]:
        for row, entry in enumerate(entries, start=2):
            if entry[columns.split] not in SPLITS:
                raise UserError(
                    f"{path}:{row}: split is '{entry[columns.split]}', expected train or test"
                )
        return [entry[columns.split] for entry in entries]
    if settings.test_share is None:
        raise UserError(
            f"{path}: no column '{columns.split}'; add it, or set test_share in params.yaml "
            "under this dataset's source to draw a split"
        )
    group_of = [
        (entry[columns.group] if columns.group else "") or Path(entry[columns.path]).stem
        for entry in entries
    ]
    chosen = _test_groups(Counter(group_of), settings.test_share)
    return ["test" if group in chosen else "train" for group in group_of]


def _test_groups(sizes: Counter[str], share: float) -> set[str]:
    """Groups in hash order, each taken while it fits into `share` of all videos."""
    wanted, chosen = share * sizes.total(), set()
    for group in sorted(sizes, key=lambda name: hashlib.sha256(name.encode()).digest()):
        if sizes[group] <= wanted:
            wanted -= sizes[group]
            chosen.add(group)
    return chosen
