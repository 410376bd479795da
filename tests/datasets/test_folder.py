from pathlib import Path

import pytest

from pipeline.config import FolderColumns, FolderSource
from pipeline.datasets.folder import list_videos
from pipeline.errors import UserError


def source(**changes: object) -> FolderSource:
    return FolderSource.model_validate({"adapter": "folder"} | changes)


def lay_out(root: Path, table: str, *names: str) -> Path:
    (root / "videos.csv").write_text(table)
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_the_plain_table(tmp_path: Path) -> None:
    table = (
        "path,split,categories\n"
        "a/north gate #1.mp4,train,Fall; Fight\n"
        "b.avi,test,Normal\n"
        "ä.mkv,test,\n"
        "gone.mp4,train,Fall\n"
    )
    root = lay_out(tmp_path, table, "a/north gate #1.mp4", "b.avi", "ä.mkv", "c.mp4")
    listing = list_videos(root, source())
    assert {v.video_id: (v.split, v.categories) for v in listing.videos} == {
        "north gate #1": ("train", ("Fall", "Fight")),
        "b": ("test", ()),
        "ä": ("test", ()),
    }
    assert listing.categories == ["Fall", "Fight"]
    assert listing.missing == ["gone"]
    assert listing.unlisted == [str(root / "c.mp4")]


def test_a_drawn_split_keeps_groups_together_and_nears_the_share(tmp_path: Path) -> None:
    rows = [f"v{i}.mp4,{'fight' if i % 2 else 'calm'},scene{i // 3}" for i in range(60)]
    root = lay_out(
        tmp_path, "\n".join(["file,label,scene", *rows]), *(f"v{i}.mp4" for i in range(60))
    )
    columns = FolderColumns(path="file", categories="label", group="scene")
    settings = source(columns=columns, normal="calm", test_share=0.3)
    videos = {v.video_id: v for v in list_videos(root, settings).videos}
    assert sum(v.split == "test" for v in videos.values()) == 18
    for i in range(0, 60, 3):
        assert len({videos[f"v{k}"].split for k in range(i, i + 3)}) == 1
    assert [v.split for v in list_videos(root, settings).videos] == [
        v.split for v in videos.values()
    ]
    assert videos["v1"].categories == ("fight",)
    assert videos["v0"].categories == ()


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("file,categories\na.mp4,\n", "no column 'path', found file, categories"),
        ("path,split\na.mp4,train\n", "no column 'categories'"),
        ("path,split,categories\na.mp4,dev,\n", r"videos\.csv:2: split is 'dev'"),
        ("path,categories\na.mp4,\n", "no column 'split'; add it, or set test_share"),
        (
            "path,split,categories\na.mp4,train,\nx/a.mp4,test,\n",
            r":3: video id 'a' stands in row 2",
        ),
    ],
)
def test_a_wrong_table_is_explained(tmp_path: Path, table: str, complaint: str) -> None:
    root = lay_out(tmp_path, table, "a.mp4", "x/a.mp4")
    with pytest.raises(UserError, match=complaint):
        list_videos(root, source())


def test_a_group_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "path,categories,source\na.mp4,,s\n", "a.mp4")
    settings = source(columns=FolderColumns(group="sorce"), test_share=0.5)
    with pytest.raises(UserError, match="no column 'sorce', found path, categories, source"):
        list_videos(root, settings)


def test_a_table_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "videos.csv").write_bytes("path,split,categories\nä.mp4,train,\n".encode("latin-1"))
    with pytest.raises(UserError, match="no CSV table in UTF-8"):
        list_videos(tmp_path, source())


def test_no_table(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"videos\.csv does not exist; list the videos there"):
        list_videos(tmp_path, source())
