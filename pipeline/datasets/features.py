"""Features that a user already has, in place of videos (columns of the tables: `video_table`).

Either a CSV table whose `path` names a `.npy` or `.npz` file a video, relative to the first
modality's folder below the raw folder, or absolute; or one Parquet table with a row a feature, in
which the column of `path` holds the video's id and the other columns say the same in each of
its rows. Columns `n_frames` and `fps`, where a table has them, give the video's length and rate.

A table without a `split` column, and no `test_share`, makes every video a training video.
"""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.config import FeatureColumns, FeaturesSource
from pipeline.datasets import video_table
from pipeline.datasets.listing import Listing, Video, files_below
from pipeline.datasets.table_listing import categories_of, id_of_path, list_files, video_of
from pipeline.datasets.video_table import NEEDED, OPTIONAL, Record, Row
from pipeline.errors import UserError

ARRAYS = (".npy", ".npz")


def list_videos(root: Path, settings: FeaturesSource) -> Listing:
    """The videos whose features are there; raises `UserError` naming file and row."""
    table = root / settings.table
    if table.suffix.lower() == ".parquet":
        listing, rows = _list_parquet(table, settings)
    else:
        listing, rows = _list_arrays(root, table, settings)
    listing.videos = [
        _with_length(video, rows[video.video_id].record, settings.columns)
        for video in listing.videos
    ]
    return listing


def _list_arrays(
    root: Path, table: Path, settings: FeaturesSource
) -> tuple[Listing, dict[str, Row]]:
    header, records = video_table.read_csv(table)
    video_table.check_columns(header, settings.columns, table)
    rows = video_table.check_rows(
        records, settings, lambda record: _id_of_array(record, settings.columns.path)
    )
    splits = video_table.split_of(rows, settings.test_share)
    base, files = _arrays_below(root, settings)
    return list_files(rows, splits, normal=settings.normal, base=base, files=files), rows


def _id_of_array(record: Record, column: str) -> str:
    text = record.cells[column]
    video_id = id_of_path(text, record.where)
    if not text.lower().endswith(ARRAYS):
        raise UserError(
            f"{record.where}: expected a file of features (.npy or .npz) in column '{column}', "
            f"found '{text}'"
        )
    return video_id


def _arrays_below(root: Path, settings: FeaturesSource) -> tuple[Path, list[Path]]:
    """The first modality's folder and its arrays; those of a further modality may lie below it."""
    modality, *others = settings.folders
    base = root / settings.folders[modality]
    if not base.is_dir():
        raise UserError(
            f"{base} is not a folder; folders.{modality} under this dataset's source in "
            "params.yaml names it: put the features there, or change the setting"
        )
    below = [root / settings.folders[other] for other in others]
    below = [folder for folder in below if folder != base and folder.is_relative_to(base)]
    files = [
        file
        for file in files_below(base)
        if file.suffix.lower() in ARRAYS
        and not any(file.is_relative_to(folder) for folder in below)
    ]
    return base, files


def _list_parquet(table: Path, settings: FeaturesSource) -> tuple[Listing, dict[str, Row]]:
    records = _read_parquet(table, settings.columns)
    rows = video_table.check_rows(
        records, settings, lambda record: _checked_id(record, settings.columns.path)
    )
    splits = video_table.split_of(rows, settings.test_share)
    listing = Listing(
        videos=[video_of(name, row, table, splits[name]) for name, row in rows.items()],
        categories=categories_of(rows),
        mislabelled=video_table.alike_categories(rows, settings.normal),
    )
    return listing, rows


def _checked_id(record: Record, column: str) -> str:
    video_id = record.cells[column]
    if "/" in video_id:
        raise UserError(
            f"{record.where}: the video id '{video_id}' in column '{column}' holds a '/'; "
            "ids name files, so write another character"
        )
    return video_id


def _read_parquet(path: Path, columns: FeatureColumns) -> list[Record]:
    """One record a video from the label columns of a table; the features stay on disk.

    Raises `UserError` when rows of a video contradict one another.
    """
    try:
        header = pq.read_schema(path).names
        video_table.check_columns(header, columns, path)
        keys = [name for key in (*NEEDED, *OPTIONAL) if (name := getattr(columns, key)) in header]
        labels = pq.read_table(path, columns=keys, partitioning=None).to_pydict()
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist; `table` of the source in params.yaml names it"
        ) from None
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path} is no readable Parquet table: {error}") from error
    first: dict[str, Record] = {}
    for number, values in enumerate(zip(*labels.values(), strict=True), start=1):
        cells = {name: _text(value) for name, value in zip(labels, values, strict=True)}
        stripped = {name: cell.strip() for name, cell in cells.items() if name != columns.path}
        record = Record(f"{path}: row {number}", {**cells, **stripped})
        earlier = first.setdefault(cells[columns.path], record)
        if earlier.cells != record.cells:
            _complain(earlier, record)
    return list(first.values())


def _complain(earlier: Record, record: Record) -> None:
    name = next(name for name, cell in record.cells.items() if cell != earlier.cells[name])
    raise UserError(
        f"{record.where}: '{name}' is '{record.cells[name]}', but '{earlier.cells[name]}' "
        f"at {earlier.where} of the same video; all rows of a video must agree"
    )


def _text(value: object) -> str:
    if isinstance(value, list):
        return ";".join(_text(part) for part in value)
    return "" if value is None else str(value)


def _with_length(video: Video, record: Record, columns: FeatureColumns) -> Video:
    n_frames = _positive(record, columns.n_frames)
    if n_frames is not None and not n_frames.is_integer():
        raise UserError(
            f"{record.where}: '{columns.n_frames}' is {n_frames:g}, expected whole frames"
        )
    return replace(
        video,
        n_frames=None if n_frames is None else int(n_frames),
        fps=_positive(record, columns.fps),
    )


def _positive(record: Record, column: str) -> float | None:
    """The positive number in a cell; null where the cell is empty or the column is not there."""
    text = record.cells.get(column, "")
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise UserError(f"{record.where}: '{column}' is '{text}', expected a number above 0")
    return number
