"""One video's rows of a Parquet table of features.

Which row groups hold a video is read once a process, from the id column alone; of the features,
one row group is in memory at a time. Files with row groups of some tens of videos are read
fastest; a file of one huge row group is held whole by each worker process.
"""

from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.config import FeatureColumns
from pipeline.imported.request import FeaturesError

Stamp = tuple[int, int]  # of a file: when it was changed, its size

_one_reader = Lock()  # threads would each hold a row group of their own


def rows_of(path: Path, video_id: str, columns: FeatureColumns) -> npt.NDArray[Any]:
    """The features (T, D) of one video, in the order of its snippets.

    Raises `FeaturesError` naming the file when it cannot be read, lacks a column, or has no rows of
    the video, or rows whose snippets do not follow one another.
    """
    with _one_reader:
        try:
            stamp = path.stat().st_mtime_ns, path.stat().st_size
            groups = _groups_of(path, stamp, columns).get(video_id, [])
            parts = [_group(path, stamp, number, columns) for number in groups]
        except FileNotFoundError:
            raise FeaturesError(f"{path} does not exist; put it there") from None
        except (OSError, pa.ArrowException) as error:
            raise FeaturesError(f"{path} cannot be read as Parquet ({error})") from error
    own = [part.filter(pc.equal(part["video_id"], video_id)) for part in parts]
    if not own:
        raise FeaturesError(f"{path}: no row has {columns.path} '{video_id}'; drop the video")
    return _in_order(pa.concat_tables(own), f"{path}, video '{video_id}'", columns)


@lru_cache(maxsize=8)
def _groups_of(path: Path, stamp: Stamp, columns: FeatureColumns) -> dict[str, list[int]]:
    """The row groups that hold each video. `stamp` is part of the cache's key alone."""
    found: dict[str, list[int]] = {}
    with pq.ParquetFile(path) as file:
        for name in (columns.path, columns.snippet, columns.feature):
            if name not in file.schema_arrow.names:
                known = ", ".join(file.schema_arrow.names)
                raise FeaturesError(
                    f"{path}: no column '{name}', found {known}; map it by `columns` in params.yaml"
                )
        for number in range(file.num_row_groups):
            ids = file.read_row_group(number, columns=[columns.path])[columns.path]
            for video_id in ids.cast(pa.string()).unique().to_pylist():
                found.setdefault(video_id, []).append(number)
    return found


@lru_cache(maxsize=1)
def _group(path: Path, stamp: Stamp, number: int, columns: FeatureColumns) -> pa.Table:
    """One row group's columns `video_id`, `snippet`, `feature`."""
    names = [columns.path, columns.snippet, columns.feature]
    with pq.ParquetFile(path) as file:
        group = file.read_row_group(number, columns=names).select(names)
    ids = group[columns.path].cast(pa.string())
    return group.rename_columns(["video_id", "snippet", "feature"]).set_column(0, "video_id", ids)


def _in_order(rows: pa.Table, name: str, columns: FeatureColumns) -> npt.NDArray[Any]:
    """Features (T, D) of a video's rows, sorted by snippet."""
    if rows["snippet"].null_count or not pa.types.is_integer(rows["snippet"].type):
        raise FeaturesError(
            f"{name}: column '{columns.snippet}' is {rows['snippet'].type} with "
            f"{rows['snippet'].null_count} nulls, expected the number of each feature"
        )
    snippets = rows["snippet"].to_numpy()
    order = np.argsort(snippets, kind="stable")
    if (np.diff(snippets[order]) != 1).any():
        raise FeaturesError(
            f"{name}: column '{columns.snippet}' must number its {len(order)} features one by one, "
            f"found {_brief(snippets[order])}"
        )
    feature = rows["feature"].combine_chunks()
    if not isinstance(feature, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
        raise FeaturesError(
            f"{name}: column '{columns.feature}' is {feature.type}, expected a list of numbers"
        )
    widths = pc.unique(pc.list_value_length(feature)).to_pylist()
    values = feature.flatten()
    if len(widths) != 1 or feature.null_count or values.null_count:
        raise FeaturesError(
            f"{name}: column '{columns.feature}' must hold lists of one length without nulls, "
            f"found lengths {widths} and {feature.null_count + values.null_count} nulls"
        )
    return np.asarray(values.to_numpy(zero_copy_only=False).reshape(len(order), -1)[order])


def _brief(numbers: npt.NDArray[Any]) -> str:
    shown = ", ".join(str(number) for number in numbers[:8])
    return f"{shown}, ..." if len(numbers) > 8 else shown
