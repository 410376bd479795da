"""Features in one Parquet table: each video's own rows, in order, without the rest of the file."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import imported
from pipeline.config import FeaturesSource
from pipeline.imported import FeaturesError, Request, Resampler
from tests.test_imported import T, numbers, source, values

COLUMNS = {"path": "id", "snippet": "i", "feature": "x"}
SETTINGS = FeaturesSource(adapter="features", table="all.parquet", columns=COLUMNS)  # type: ignore[arg-type]
VIDEOS = {"b": numbers(5, 3, seed=1), "a": numbers(4, 3, seed=2), "c": numbers(9, 3, seed=3)}


def write(
    path: Path,
    videos: dict[str, npt.NDArray[Any]],
    *,
    kind: pa.DataType | None = None,
    ids: pa.DataType | None = None,
    rows_a_group: int = 4,
    shuffled: bool = False,
    first: int = 0,
) -> Path:
    """A row a feature; `first` is the number of a video's first feature."""
    rows = [
        {"id": name, "i": first + i, "x": feature.tolist(), "label": "Normal"}
        for name, features in videos.items()
        for i, feature in enumerate(features)
    ]
    if shuffled:
        rows = [rows[i] for i in np.random.default_rng(5).permutation(len(rows))]
    schema = pa.schema(
        [
            ("label", pa.string()),
            ("x", kind or pa.list_(pa.float32(), 3)),
            ("i", pa.int16()),
            ("id", pa.string()),
        ]
    )
    table = pa.Table.from_pylist(rows, schema=schema)
    if ids is not None:
        table = table.set_column(3, "id", table["id"].cast(ids))
    pq.write_table(table, path, row_group_size=rows_a_group)
    return path


def resampled(path: Path, video_id: str, n: int = T) -> npt.NDArray[np.float32]:
    return values(Resampler(SETTINGS, n)(Request(path, video_id, None, None)))


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("rows_a_group", [1, 4, 100])
@pytest.mark.parametrize("first", [0, 1])
def test_a_video_gets_its_own_rows_in_order(
    shuffled: bool, rows_a_group: int, first: int, tmp_path: Path
) -> None:
    path = write(
        tmp_path / "all.parquet", VIDEOS, rows_a_group=rows_a_group, shuffled=shuffled, first=first
    )
    for name, features in VIDEOS.items():
        assert (resampled(path, name, len(features)) == features).all()


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.float16(), 3),
        pa.list_(pa.float64(), 3),
        pa.list_(pa.float32()),
        pa.large_list(pa.float16()),
    ],
    ids=str,
)
def test_lists_of_any_floating_point_numbers_are_read(kind: pa.DataType, tmp_path: Path) -> None:
    path = write(tmp_path / "all.parquet", VIDEOS, kind=kind)
    dtype = kind.value_type.to_pandas_dtype()
    found = resampled(path, "a")
    assert (found == VIDEOS["a"].astype(dtype).astype(np.float32)).all()


@pytest.mark.parametrize("ids", [pa.int32(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_ids_may_be_numbers_or_categories(ids: pa.DataType, tmp_path: Path) -> None:
    videos = {"12": VIDEOS["a"], "7": VIDEOS["b"]}
    path = write(tmp_path / "all.parquet", videos, ids=ids)
    assert (resampled(path, "12") == VIDEOS["a"]).all()


def test_only_the_row_groups_of_the_video_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "all.parquet", VIDEOS, rows_a_group=3)
    read: list[int] = []
    original = pq.ParquetFile.read_row_group

    def spy(self: pq.ParquetFile, number: int, columns: list[str]) -> pa.Table:
        if "x" in columns:
            read.append(number)
        return original(self, number, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", spy)
    for name in VIDEOS:
        resampled(path, name)
    assert read == [0, 1, 2, 3, 4, 5]  # 5, 4 and 9 rows in groups of 3: each group is read once


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "all.parquet", VIDEOS)
    assert (resampled(path, "a") == VIDEOS["a"]).all()
    other = write(tmp_path / "other.parquet", {"a": VIDEOS["a"] + 1, "new": VIDEOS["c"]})
    other.replace(path)
    assert (resampled(path, "a") == VIDEOS["a"] + 1).all()
    assert (resampled(path, "new", 9) == VIDEOS["c"]).all()


def test_videos_of_one_table_have_digests_of_their_own(tmp_path: Path) -> None:
    twins = {**VIDEOS, "twin": VIDEOS["a"]}
    path = write(tmp_path / "all.parquet", twins, shuffled=True)
    digest = {name: imported.digest(SETTINGS, Request(path, name, None, None)) for name in twins}
    assert digest["twin"] == digest["a"]
    assert len(set(digest.values())) == 3
    np.save(tmp_path / "a.npy", VIDEOS["a"])
    own = Request(tmp_path / "a.npy", "a", None, None)
    assert imported.digest(SETTINGS, own) == digest["a"]


def test_width_and_length_are_those_of_the_video(tmp_path: Path) -> None:
    path = write(tmp_path / "all.parquet", VIDEOS)
    request = Request(path, "c", None, None)
    assert imported.width(SETTINGS, request) == 3
    settings = SETTINGS.model_copy(update={"frames_per_feature": 16})
    assert imported.Probe(settings)(request)["n_frames"].to_pylist() == [9 * 16]


def raw_table(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


EMPTY = pa.array([[], []], pa.list_(pa.float64()))
TWO = pa.array([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"id": ["a", "a"], "i": [0, 1]}, r"no column 'x', found id, i; map it by `columns`"),
        ({"id": ["b", "b"], "i": [0, 1], "x": TWO}, r"no row has id 'a'; drop the video"),
        ({"id": ["a", "a"], "i": [0, 2], "x": TWO}, r"'i' must number .* one by one, found 0, 2"),
        ({"id": ["a", "a"], "i": [1, 1], "x": TWO}, r"one by one, found 1, 1"),
        ({"id": ["a", "a"], "i": [0, None], "x": TWO}, r"column 'i' is int64 with 1 nulls"),
        ({"id": ["a", "a"], "i": ["0", "1"], "x": TWO}, r"column 'i' is string with 0 nulls"),
        ({"id": ["a", "a"], "i": [0, 1], "x": [1.0, 2.0]}, r"column 'x' is double, expected a li"),
        ({"id": ["a", "a"], "i": [0, 1], "x": [[1.0], [1.0, 2.0]]}, r"found lengths \[1, 2\]"),
        ({"id": ["a", "a"], "i": [0, 1], "x": [[1.0], [None]]}, r"lengths \[1\] and 1 nulls"),
        ({"id": ["a", "a"], "i": [0, 1], "x": [[1.0], None]}, r"nulls"),
        ({"id": ["a", "a"], "i": [0, 1], "x": [[1], [2]]}, r"video 'a' holds int64"),
        ({"id": ["a", "a"], "i": [0, 1], "x": EMPTY}, r"shape \(2, 0\): no feature"),
    ],
)
def test_what_is_no_table_of_features_is_refused(
    columns: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    path = raw_table(tmp_path / "all.parquet", **columns)
    with pytest.raises(FeaturesError, match=rf"all\.parquet.*{reason}"):
        resampled(path, "a")


def test_an_absent_or_damaged_table_and_crops_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FeaturesError, match=r"absent\.parquet does not exist"):
        resampled(tmp_path / "absent.parquet", "a")
    path = write(tmp_path / "all.parquet", VIDEOS)
    crops = SETTINGS.model_copy(update={"crops_axis": 1})
    with pytest.raises(FeaturesError, match=r"all\.parquet: .* no crops; drop crops_axis"):
        imported.width(crops, Request(path, "a", None, None))
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(FeaturesError, match=r"all\.parquet cannot be read as Parquet"):
        resampled(path, "a")


def test_real_features_agree_between_both_kinds_of_file(shared_data: Path) -> None:
    folder = shared_data / "ucf_crime"
    files = sorted((folder / "c3d_npy").glob("*.npy"))
    assert len(files) == 12
    settings = source(columns={"path": "video_id"})
    for file in files:
        own = values(Resampler(settings, 32)(Request(file, file.stem, None, None)))
        row = Request(folder / "c3d" / "train.parquet", file.stem, None, None)
        halves = values(Resampler(settings, 32)(row))
        assert own.shape == halves.shape == (32, 4096)
        assert (own == np.load(file)).all()
        assert (own.astype(np.float16) == halves.astype(np.float16)).all()
        assert not (own == halves).all()
