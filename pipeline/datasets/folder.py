"""A user's own videos, listed in a CSV file in the raw folder (its columns: `video_table`).

`path` names a video file, relative to the CSV file or absolute; its name without the suffix is
the video id.
"""

from pathlib import Path

from pipeline.config import FolderSource
from pipeline.datasets import video_table
from pipeline.datasets.listing import Listing, files_below, is_video
from pipeline.datasets.table_listing import id_of_path, list_files
from pipeline.errors import UserError


def list_videos(root: Path, settings: FolderSource) -> Listing:
    """The videos that the CSV file lists; raises `UserError` naming file and row."""
    table, columns = root / settings.table, settings.columns
    files = [file for file in files_below(root) if is_video(file)]
    header, records = video_table.read_csv(table)
    video_table.check_columns(header, columns, table)
    if columns.split not in header and settings.test_share is None:
        raise UserError(
            f"{table}: no column '{columns.split}'; add it, or set test_share in params.yaml "
            "under this dataset's source to draw a split"
        )
    rows = video_table.check_rows(
        records, settings, lambda record: id_of_path(record.cells[columns.path], record.where)
    )
    splits = video_table.split_of(rows, settings.test_share)
    return list_files(rows, splits, normal=settings.normal, base=table.parent, files=files)
