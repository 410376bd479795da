import csv
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import FeaturesSource
from pipeline.datasets.features import list_videos
from pipeline.datasets.listing import Event
from pipeline.errors import UserError


def source(**changes: object) -> FeaturesSource:
    return FeaturesSource.model_validate({"adapter": "features"} | changes)


def lay_out(root: Path, table: str, *names: str) -> Path:
    root.mkdir(exist_ok=True)
    (root / "videos.csv").write_text(table)
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_a_csv_table_of_arrays(tmp_path: Path) -> None:
    table = (
        "path,split,categories,events_seconds,n_frames,fps\n"
        "Fall/a.npy,train,Fall,,320,24\n"
        "b.npz,test,Fall,1-2.5,,\n"
        "gone.npy,test,Fight,,1600,29.97\n"
    )
    names = ("i3d/Fall/a.npy", "i3d/b.npz", "i3d/c.npy", "i3d/x/b.npy", "i3d/readme.txt", "d.npy")
    root = lay_out(tmp_path, table, *names)
    listing = list_videos(root, source(folders={"image": "i3d"}))
    found = {v.video_id: (v.path, v.split, v.n_frames, v.fps, v.events) for v in listing.videos}
    assert found == {
        "a": (root / "i3d/Fall/a.npy", "train", 320, 24.0, ()),
        "b": (root / "i3d/b.npz", "test", None, None, (Event(1, 2.5, "Fall", "seconds"),)),
    }
    assert listing.missing == ["gone"]
    assert listing.unlisted == [str(root / "i3d/c.npy")]
    assert listing.duplicated == [str(root / "i3d/x/b.npy")]
    assert listing.categories == ["Fall", "Fight"]


def test_the_arrays_of_a_second_modality_are_not_unlisted(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "path,categories\na.npy,\n", "a.npy", "text/a.npy", "b.npy")
    listing = list_videos(root, source(folders={"image": ".", "text": "text"}))
    assert [v.path for v in listing.videos] == [root / "a.npy"]
    assert (listing.unlisted, listing.duplicated) == ([str(root / "b.npy")], [])
    turned = list_videos(root, source(folders={"text": "text", "image": "."}))
    assert [v.path for v in turned.videos] == [root / "text/a.npy"]
    assert not turned.unlisted + turned.duplicated


def test_modalities_in_one_folder_have_their_unlisted_files(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "path,categories\na.npy,\n", "a.npy", "b.npy")
    listing = list_videos(root, source(folders={"image": ".", "text": "."}))
    assert listing.unlisted == [str(root / "b.npy")]


def test_without_a_split_all_is_training_unless_a_share_is_set(tmp_path: Path) -> None:
    names = [f"v{i}.npy" for i in range(10)]
    root = lay_out(tmp_path, "path,categories\n" + "".join(f"{n},\n" for n in names), *names)
    assert {v.split for v in list_videos(root, source()).videos} == {"train"}
    drawn = Counter(v.split for v in list_videos(root, source(test_share=0.3)).videos)
    assert drawn == {"train": 7, "test": 3}


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (
            "a.mp4,,,",
            r"expected a file of features \(.npy or .npz\) in column 'path', found 'a.mp4'",
        ),
        ("a.npy,,0,", "'n_frames' is '0', expected a number above 0"),
        ("a.npy,,12.5,", "'n_frames' is 12.5, expected whole frames"),
        ("a.npy,,many,", "'n_frames' is 'many', expected a number"),
        ("a.npy,,,-3", "'fps' is '-3', expected a number above 0"),
        ("a.npy,,,nan", "'fps' is 'nan', expected a number above 0"),
        ("a.npy,,,inf", "'fps' is 'inf', expected a number above 0"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, complaint: str) -> None:
    root = lay_out(tmp_path, f"path,categories,n_frames,fps\n{row}\n", "a.npy", "a.mp4")
    with pytest.raises(UserError, match=rf"videos\.csv:2: .*{complaint}"):
        list_videos(root, source())


def test_a_folder_of_features_that_is_not_there_is_named(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "path,categories\na.npy,\n")
    with pytest.raises(UserError, match=r"i3d is not a folder; folders\.image under this"):
        list_videos(root, source(folders={"image": "i3d"}))


def parquet(root: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), root / "x.parquet")
    return root


def test_a_parquet_table_has_its_labels_in_each_row(tmp_path: Path) -> None:
    parquet(
        tmp_path,
        path=["a b.1", "a b.1", "c", "c"],
        categories=[["Fall", "Fight"], ["Fall", "Fight"], [], []],
        split=["test", "test", "validation", "validation"],
        events=["1-2:Fall", "1-2:Fall", None, None],
        n_frames=[320, 320, None, None],
        cam=["gate", "gate", "yard", "yard"],
        feature=[[0.0]] * 4,
    )
    settings = source(table="x.parquet", columns={"group": "cam"})
    listing = list_videos(tmp_path, settings)
    found = {
        v.video_id: (v.path.name, v.split, v.categories, v.events, v.n_frames, v.fps, v.group)
        for v in listing.videos
    }
    events = (Event(1, 2, "Fall"),)
    assert found == {
        "a b.1": ("x.parquet", "test", ("Fall", "Fight"), events, 320, None, "gate"),
        "c": ("x.parquet", "validation", (), (), None, None, "yard"),
    }
    assert not listing.missing + listing.unlisted + listing.duplicated


def test_the_id_in_a_parquet_table_stays_as_it_is_and_labels_lose_blanks(tmp_path: Path) -> None:
    parquet(tmp_path, path=[" a "], categories=[" Fall"], split=["test "])
    listing = list_videos(tmp_path, source(table="x.parquet"))
    found = [(video.video_id, video.categories, video.split) for video in listing.videos]
    assert found == [(" a ", ("Fall",), "test")]


def test_rows_of_a_video_that_contradict_one_another_are_named(tmp_path: Path) -> None:
    parquet(tmp_path, path=["a", "b", "a"], categories=["Fall", "", "Fight"])
    complaint = r"x\.parquet: row 3: 'categories' is 'Fight', but 'Fall' at .*: row 1 of the same"
    with pytest.raises(UserError, match=complaint):
        list_videos(tmp_path, source(table="x.parquet"))


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"id": ["a"], "categories": [""]}, "no column 'path', found id, categories"),
        ({"path": ["a/b"], "categories": [""]}, "row 1: the video id 'a/b' .* holds a '/'"),
        ({"path": [None], "categories": [""]}, "row 1: column 'path' is empty"),
        ({"path": ["a"], "categories": [""], "split": ["dev"]}, "row 1: split is 'dev'"),
    ],
)
def test_a_wrong_parquet_table_is_explained(
    tmp_path: Path, columns: dict[str, object], complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint):
        list_videos(parquet(tmp_path, **columns), source(table="x.parquet"))


def test_a_parquet_table_that_is_absent_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"x\.parquet does not exist; `table` of the source"):
        list_videos(tmp_path, source(table="x.parquet"))
    (tmp_path / "x.parquet").write_text("path,categories\n")
    with pytest.raises(UserError, match=r"x\.parquet is no readable Parquet table"):
        list_videos(tmp_path, source(table="x.parquet"))


def test_real_arrays_listed_by_hand(tmp_path: Path, shared_data: Path) -> None:
    arrays = sorted((shared_data / "ucf_crime/c3d_npy").glob("*.npy"))
    (tmp_path / "c3d").symlink_to(shared_data / "ucf_crime/c3d_npy")
    with (tmp_path / "videos.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "categories"])
        for path in arrays:
            category = path.stem.rstrip("0123456789_x").rstrip("0123456789")
            writer.writerow([path.name, "Normal" if "Normal" in category else category])
    listing = list_videos(tmp_path, source(folders={"image": "c3d"}))
    assert len(listing.videos) == 12
    assert sum(not video.categories for video in listing.videos) == 4
    assert all(video.path.is_file() for video in listing.videos)
    assert not listing.missing + listing.unlisted + listing.duplicated


def test_a_real_table_of_features(tmp_path: Path, shared_data: Path) -> None:
    (tmp_path / "x.parquet").symlink_to(shared_data / "ucf_crime/c3d/train.parquet")
    columns = {"path": "video_id", "categories": "category"}
    listing = list_videos(tmp_path, source(table="x.parquet", columns=columns))
    assert Counter(bool(video.categories) for video in listing.videos) == {True: 133, False: 111}
    assert {video.split for video in listing.videos} == {"train"}
    assert len(listing.categories) == 13
    lengths = [video.n_frames for video in listing.videos]
    assert (min(lengths), max(lengths)) == (543, 1107)
    assert listing.mislabelled == {}
