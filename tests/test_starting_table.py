from pathlib import Path

import pytest

from pipeline.config import FolderSource
from pipeline.datasets import folder
from pipeline.errors import UserError
from pipeline.starting_table import advice, rows_from_folders, to_csv


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_the_first_folder_is_the_category(tmp_path: Path) -> None:
    names = (
        "Fall/a.mp4",
        "Fall/cam, 2/b.avi",
        "NormalDay/c.mp4",
        "ABNORMAL/d.mp4",
        "e.mp4",
        "x.txt",
    )
    rows = rows_from_folders(touch(tmp_path, *names))
    assert to_csv(rows) == (
        "path,categories,events\n"
        "ABNORMAL/d.mp4,ABNORMAL,\n"
        "Fall/a.mp4,Fall,\n"
        '"Fall/cam, 2/b.avi",Fall,\n'
        "NormalDay/c.mp4,,\n"
        "e.mp4,,\n"
    )
    said = advice(rows, tmp_path / "videos.csv")
    assert "5 videos (ABNORMAL 1, Fall 2, normal 1)" in said
    assert (
        "To be filled in, the category of 1 (no folder tells it; empty means normal):\n  e.mp4"
        in said
    )
    assert "sources.own.test_share of params.yaml draws a test split" in said
    assert said.endswith(f"make repro DATASET=own RAW={tmp_path}")


def test_folders_of_splits_come_before_categories(tmp_path: Path) -> None:
    names = ("Train/Fall/a.mp4", "training/b.mp4", "VAL/no normal/c.mp4", "testing/Fall/d.mp4")
    names += ("test/Fight/e.mp4", "validation/Fall/f.mp4")
    rows = rows_from_folders(touch(tmp_path, *names))
    found = {row.path: (row.split, row.category) for row in rows}
    assert found == {
        "Train/Fall/a.mp4": ("train", "Fall"),
        "training/b.mp4": ("train", None),
        "VAL/no normal/c.mp4": ("validation", ""),
        "testing/Fall/d.mp4": ("test", "Fall"),
        "test/Fight/e.mp4": ("test", "Fight"),
        "validation/Fall/f.mp4": ("validation", "Fall"),
    }
    assert to_csv(rows).startswith("path,split,categories,events\nTrain/Fall/a.mp4,train,Fall,\n")
    said = advice(rows, tmp_path / "videos.csv")
    assert "the category of 1 (no folder tells it; empty means normal):\n  training/b.mp4" in said
    assert "test_share" not in said


def test_videos_beside_folders_of_splits_are_to_be_filled_in(tmp_path: Path) -> None:
    rows = rows_from_folders(touch(tmp_path, "train/Fall/a.mp4", "Fight/b.mp4"))
    assert "Fight/b.mp4,,Fight,\n" in to_csv(rows)
    assert "the split of 1 (no folder tells it):\n  Fight/b.mp4" in advice(rows, Path("videos.csv"))


def test_a_table_without_a_normal_video_is_pointed_out(tmp_path: Path) -> None:
    table = tmp_path / "videos.csv"
    touch(tmp_path, "fight/a.mp4", "noFight/b.mp4")
    assert "No video is normal" in advice(rows_from_folders(tmp_path), table)
    touch(tmp_path, "normal/c.mp4")
    assert "No video is normal" not in advice(rows_from_folders(tmp_path), table)


def test_the_table_is_one_that_the_adapter_reads(tmp_path: Path) -> None:
    names = (
        "train/Fall/a b, c.mp4",
        'train/normal/"q".mp4',
        "test/Fall/ä.mp4",
        "test/Normal/d.mp4",
    )
    touch(tmp_path, *names)
    (tmp_path / "videos.csv").write_text(to_csv(rows_from_folders(tmp_path)))
    listing = folder.list_videos(tmp_path, FolderSource(adapter="folder"))
    found = {str(v.path.relative_to(tmp_path)): (v.split, v.categories) for v in listing.videos}
    assert found == {
        "train/Fall/a b, c.mp4": ("train", ("Fall",)),
        'train/normal/"q".mp4': ("train", ()),
        "test/Fall/ä.mp4": ("test", ("Fall",)),
        "test/Normal/d.mp4": ("test", ()),
    }
    assert not listing.missing + listing.unlisted


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (("a.txt",), r"no video here or below; looked for files ending in .* \.mp4"),
        (("A/1.mp4", "B/1.avi"), r"A/1\.mp4 and B/1\.avi have one name, .*; rename one"),
        (("a;b/1.mp4",), r"a;b/1\.mp4: the table has no room for"),
        (("a/b\\1.mp4",), r"the table has no room for '\\'"),
    ],
)
def test_what_cannot_become_a_table_is_said(
    tmp_path: Path, names: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(UserError, match=complaint):
        rows_from_folders(touch(tmp_path, *names))
