import unicodedata
from pathlib import Path

import pytest

from pipeline.config import FolderColumns, FolderSource
from pipeline.datasets.folder import list_videos
from pipeline.datasets.listing import Event
from pipeline.errors import UserError


def source(**changes: object) -> FolderSource:
    return FolderSource.model_validate({"adapter": "folder"} | changes)


def lay_out(root: Path, table: str, *names: str) -> Path:
    root.mkdir(exist_ok=True)
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


def test_a_drawn_split_keeps_groups_together_whatever_files_are_there(tmp_path: Path) -> None:
    rows = [f"v{i}.mp4,{'fight' if i % 4 > 1 else 'calm'},scene{i // 2}" for i in range(60)]
    names = [f"v{i}.mp4" for i in range(60)]
    root = lay_out(tmp_path, "\n".join(["file,label,scene", *rows]), *names)
    columns = FolderColumns(path="file", categories="label", group="scene")
    settings = source(columns=columns, normal="calm", test_share=0.4)
    videos = {v.video_id: v for v in list_videos(root, settings).videos}
    assert sum(v.split == "test" for v in videos.values()) == 24
    for i in range(0, 60, 2):
        assert len({videos[f"v{k}"].split for k in (i, i + 1)}) == 1
    assert videos["v2"].categories == ("fight",)
    assert videos["v0"].categories == ()
    assert videos["v3"].group == "scene1"
    for i in range(20):
        (root / f"v{i}.mp4").unlink()
    left = list_videos(root, settings)
    assert len(left.missing) == 20
    assert {v.video_id: v.split for v in left.videos} == {
        name: v.split for name, v in videos.items() if int(name[1:]) >= 20
    }


def test_events_and_a_validation_split(tmp_path: Path) -> None:
    table = (
        "path,split,categories,events,events_seconds\n"
        "a.mp4,test,Fall,10-20;30-40,\n"
        "b.mp4,test,Fall;Fight,,1.5-2:Fight\n"
        "c.mp4,test,Fall,,\n"
        "d.mp4,validation,,,\n"
    )
    root = lay_out(tmp_path, table, "a.mp4", "b.mp4", "c.mp4", "d.mp4")
    found = {v.video_id: (v.split, v.events) for v in list_videos(root, source()).videos}
    assert found == {
        "a": ("test", (Event(10, 20, "Fall"), Event(30, 40, "Fall"))),
        "b": ("test", (Event(1.5, 2, "Fight", "seconds"),)),
        "c": ("test", ()),
        "d": ("validation", ()),
    }


def test_paths_that_are_absolute_or_lead_up_or_through_links(tmp_path: Path) -> None:
    raw, elsewhere = tmp_path / "raw", tmp_path / "elsewhere"
    lay_out(elsewhere, "", "a.mp4", "deep/c.mp4")
    (raw / "lists").mkdir(parents=True)
    (raw / "link").symlink_to(elsewhere / "deep")
    (raw / "b.mp4").touch()
    table = (
        f"path,split,categories\n{elsewhere}/a.mp4,train,\n../b.mp4,train,\n../link/c.mp4,test,\n"
    )
    (raw / "lists/videos.csv").write_text(table)
    listing = list_videos(raw, source(table="lists/videos.csv"))
    assert [v.video_id for v in listing.videos] == ["a", "b", "c"]
    assert not listing.missing + listing.unlisted + listing.duplicated


@pytest.mark.parametrize(("disk", "text"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_a_name_in_another_unicode_normal_form(tmp_path: Path, disk: str, text: str) -> None:
    on_disk, written = (unicodedata.normalize(form, "é/ü.mp4") for form in (disk, text))
    root = lay_out(tmp_path, f"path,split,categories\n{written},train,\n", on_disk)
    listing = list_videos(root, source())
    assert [(v.video_id, v.path) for v in listing.videos] == [("\u00fc", root / on_disk)]
    assert not listing.missing + listing.unlisted + listing.duplicated


def test_further_files_of_a_listed_name_are_duplicates(tmp_path: Path) -> None:
    table = "path,split,categories\na.mp4,train,\ngone.mp4,train,Fall\n"
    root = lay_out(tmp_path, table, "a.mp4", "x/a.avi", "b.mp4", "x/gone.mp4")
    listing = list_videos(root, source())
    assert listing.duplicated == [str(root / "x/a.avi"), str(root / "x/gone.mp4")]
    assert listing.unlisted == [str(root / "b.mp4")]
    assert listing.categories == ["Fall"]


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("/", "the path '/' names no file"),
        ("..", "names no file"),
        ("x/..", "names no file"),
        (".", "names no file"),
        ("x\\a.mp4", r"holds a backslash; write folders with '/'"),
        ("x", "is a folder; a row names one file"),
        ("x/", "is a folder; a row names one file"),
    ],
)
def test_a_wrong_path_is_named(tmp_path: Path, path: str, complaint: str) -> None:
    root = lay_out(tmp_path, f"path,split,categories\n{path},train,\n", "x/a.mp4")
    with pytest.raises(UserError, match=rf"videos\.csv:2: .*{complaint}"):
        list_videos(root, source())


def test_categories_that_differ_by_case_are_kept_and_named(tmp_path: Path) -> None:
    table = "path,split,categories\na.mp4,train,Fight\nb.mp4,train,fight\n"
    listing = list_videos(lay_out(tmp_path, table, "a.mp4", "b.mp4"), source())
    assert listing.categories == ["Fight", "fight"]
    assert list(listing.mislabelled) == ["category 'Fight'", "category 'fight'"]


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("file,categories\na.mp4,\n", "no column 'path', found file, categories"),
        ("path,split\na.mp4,train\n", "no column 'categories'"),
        ("path,split,categories\na.mp4,dev,\n", r"videos\.csv:2: split is 'dev'"),
        ("path,categories\na.mp4,\n", "no column 'split'; add it, or set test_share"),
        (
            "path,split,categories\na.mp4,train,\nx/a.mp4,test,\n",
            r":3: video id 'a' stands at .*:2 too",
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
