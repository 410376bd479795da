import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import tables
from pipeline.config import Decode, FeaturesSource, FolderSource
from pipeline.datasets import manifest
from pipeline.datasets.listing import Event, Listing, Video
from pipeline.errors import UserError

DECODE = Decode(
    snippets=8,
    frames_per_snippet=4,
    max_short_side=448,
    jpeg_quality=90,
    decoder="auto",
    salvage=False,
)
PROBE = {
    "n_frames": 100,
    "fps": 25.0,
    "width": 64,
    "height": 48,
    "way": "index",
    "n_lost": 0,
    "damage": "",
}


def test_events_are_clipped_to_the_video_and_counted() -> None:
    events = (Event(10, 20, "Fire"), Event(90, 101, "Fire"), Event(100, 120, "Fire"))
    listing = Listing([Video("v", Path("v.mp4"), "test", ("Fire",), events)], ["Fire"])
    table, clipped = manifest.build(listing, {"v": "00"}, {"v": PROBE}, {})
    tables.check(table, tables.MANIFEST, "manifest")
    assert clipped == manifest.Clipped(n_cut=1, n_dropped=1)
    assert table["events"].to_pylist() == [
        [
            {"start": 10, "end": 20, "category": "Fire"},
            {"start": 90, "end": 100, "category": "Fire"},
        ]
    ]
    summary = manifest.summary(listing, table, clipped)
    assert manifest.summary_line(summary) == (
        "1 videos (0 train, 1 test, 1 abnormal), 1 events clipped to their video, "
        "1 events without a frame dropped"
    )


def test_events_in_seconds_become_frames_by_the_probed_rate() -> None:
    seconds = [(0.5, 1.01), (3.99, 9.0), (1.01, 1.02)]
    events = tuple(Event(start, end, "Fire", "seconds") for start, end in seconds)
    listing = Listing([Video("v", Path("v.mp4"), "test", ("Fire",), events)], ["Fire"])
    table, clipped = manifest.build(listing, {}, {"v": PROBE}, {})
    assert table["events"].to_pylist() == [[{"start": 13, "end": 26, "category": "Fire"}]]
    assert clipped == manifest.Clipped(n_cut=0, n_dropped=2)  # frame 100 is the first at 3.99 s


def test_an_unreadable_video_is_a_row_with_its_reason() -> None:
    videos = [
        Video("z", Path("z.mp4"), "train"),
        Video("a", Path("a.mp4"), "test", ("Fire",), (Event(0, 5, "Fire"),)),
    ]
    listing = Listing(videos, ["Fire"], missing=["m"])
    table, clipped = manifest.build(listing, {"z": "00"}, {"z": PROBE}, {"a": "cut short"})
    rows = table.to_pylist()
    assert [row["video_id"] for row in rows] == ["a", "z"]
    assert (rows[0]["status"], rows[0]["error"], rows[0]["n_frames"], rows[0]["events"]) == (
        "unreadable",
        "cut short",
        0,
        [],
    )
    assert (rows[1]["status"], rows[1]["error"], rows[1]["n_frames"]) == ("ok", "", 100)
    summary = manifest.summary(listing, table, clipped)
    assert summary["unreadable"] == {"a": "cut short"}
    assert manifest.summary_line(summary) == (
        "2 videos (1 train, 1 test, 1 abnormal), 1 unreadable, 1 missing"
    )


def test_a_dataset_that_cannot_be_read_at_all_is_an_error() -> None:
    listing = Listing([Video("a", Path("a.mp4"), "train")], [])
    with pytest.raises(UserError, match=r"not one of 1 videos can be read \(a: cut short\)"):
        manifest.build(listing, {}, {}, {"a": "cut short"})


def test_the_summary_names_everything_that_does_not_fit() -> None:
    video = Video("a", Path("a.mp4"), "train")
    listing = Listing(
        [video, replace(video, video_id="b", split="validation")],
        [],
        missing=["m"],
        unlisted=["raw/u.mp4"],
        duplicated=["raw/x/a.mp4"],
        mislabelled={"a": "lies in the folder 'Fall'", "c": "no code"},
        notes=["no events"],
    )
    table, clipped = manifest.build(listing, {}, {"a": PROBE, "b": PROBE}, {})
    summary = manifest.summary(listing, table, clipped)
    assert json.loads(json.dumps(summary)) == {
        "n_videos": 2,
        "n_train": 1,
        "n_validation": 1,
        "n_test": 0,
        "n_abnormal": 0,
        "n_events_clipped": 0,
        "n_events_dropped": 0,
        "notes": ["no events"],
        "in_both_splits": [],
        "salvaged": {},
        "unreadable": {},
        "missing": ["m"],
        "unlisted": ["raw/u.mp4"],
        "duplicated": ["raw/x/a.mp4"],
        "mislabelled": {"a": "lies in the folder 'Fall'", "c": "no code"},
    }
    assert manifest.summary_line(summary) == (
        "2 videos (1 train, 1 validation, no test split, 0 abnormal), "
        "1 missing, 1 unlisted, 1 duplicated, 2 mislabelled"
    )


def test_equal_content_on_two_sides_is_named() -> None:
    splits = {"a": "train", "b": "validation", "c": "test", "d": "test", "e": "test", "f": "test"}
    digests = {"a": "1", "b": "1", "c": "2", "d": "1", "e": "", "f": "2"}
    listing = Listing([Video(name, Path(name), split) for name, split in splits.items()], [])
    table, clipped = manifest.build(listing, digests, dict.fromkeys(splits, PROBE), {})
    assert manifest.summary(listing, table, clipped)["in_both_splits"] == ["b", "d"]
    listing.videos[1] = replace(listing.videos[1], video_id="b", split="validation")
    digests |= {"b": "2"}
    table, clipped = manifest.build(listing, digests, dict.fromkeys(splits, PROBE), {})
    assert manifest.summary(listing, table, clipped)["in_both_splits"] == ["c", "d", "f"]


def folder(**changes: object) -> FolderSource:
    return FolderSource.model_validate({"adapter": "folder"} | changes)


def lay_out(root: Path, splits: str) -> Path:
    """Videos v0, v1, ... of the splits that the letters begin: t(rain), v(alidation), e(val)."""
    names = {"t": "train", "v": "validation", "e": "test"}
    lines = [f"v{i}.mp4,{names[letter]},,g{i // 2}" for i, letter in enumerate(splits)]
    (root / "videos.csv").write_text("\n".join(["path,split,categories,cam", *lines]))
    for i in range(len(splits)):
        (root / f"v{i}.mp4").touch()
    return root


def test_validation_is_drawn_of_training_videos_for_any_source(tmp_path: Path) -> None:
    root = lay_out(tmp_path, "t" * 20 + "e" * 10)
    source = folder(validation_share=0.2, columns={"group": "cam"})
    found = {v.video_id: v.split for v in manifest.list_videos(root, source).videos}
    assert [found[f"v{i}"] for i in range(20, 30)] == ["test"] * 10
    assert sum(split == "validation" for split in found.values()) == 4
    assert all(found[f"v{i}"] == found[f"v{i + 1}"] for i in range(0, 20, 2))
    plain = manifest.list_videos(root, folder(columns={"group": "cam"}))
    assert not any(video.split == "validation" for video in plain.videos)


def test_validation_that_the_table_names_is_kept(tmp_path: Path) -> None:
    listing = manifest.list_videos(lay_out(tmp_path, "ttttttttttve"), folder(validation_share=0.2))
    assert [v.video_id for v in listing.videos if v.split == "validation"] == ["v10"]
    assert listing.notes == [
        "validation_share draws nothing: the dataset names its validation videos itself"
    ]


def test_a_dataset_without_a_video_says_what_was_looked_for_and_found(tmp_path: Path) -> None:
    lay_out(tmp_path, "ttttt")
    for i in range(5):
        (tmp_path / f"v{i}.mp4").unlink()
    (tmp_path / "other.mp4").touch()
    with pytest.raises(UserError) as caught:
        manifest.list_videos(tmp_path, folder())
    assert str(caught.value) == (
        f"{tmp_path}: not one video of this dataset is there. "
        "5 listed videos were looked for by name: v0, v1, v2, ... "
        f"1 files are in no list: {tmp_path}/other.mp4. "
        "Put the videos there, or link their folder."
    )


def test_an_empty_folder_is_an_error_too(tmp_path: Path) -> None:
    (tmp_path / "videos.csv").write_text("path,split,categories\n")
    with pytest.raises(UserError, match=r"not one video of this dataset is there\. Put"):
        manifest.list_videos(tmp_path, folder())


def test_how_video_files_are_decoded_is_part_of_their_probe_s_key() -> None:
    video = Video("a", Path("a.mp4"), "train", n_frames=7)
    reader = manifest.reader(folder(), DECODE)
    assert reader.sources([video], {"a": "00"}) == [("a", "00", Path("a.mp4"))]
    keys = {
        manifest.reader(folder(), DECODE.model_copy(update=changed)).recipe.key("00")
        for changed in ({}, {"decoder": "pyav"}, {"salvage": True}, {"jpeg_quality": 10})
    }
    assert len(keys) == 3  # a JPEG's quality says nothing of the file


def test_a_salvaged_video_is_used_and_named() -> None:
    listing = Listing([Video("a", Path("a.mp4"), "train")], [])
    damaged = PROBE | {"way": "salvage", "n_lost": 7, "damage": "cut short"}
    table, clipped = manifest.build(listing, {"a": "00"}, {"a": damaged}, {})
    row = table.to_pylist()[0]
    assert (row["status"], row["error"], row["n_lost"]) == ("salvaged", "cut short", 7)
    assert row["status"] in tables.USABLE
    summary = manifest.summary(listing, table, clipped)
    assert summary["salvaged"] == {"a": "7 frames lost; cut short"}
    assert summary["unreadable"] == {}
    assert "1 salvaged" in manifest.summary_line(summary)


def features(**changes: object) -> FeaturesSource:
    return FeaturesSource.model_validate({"adapter": "features"} | changes)


def test_what_a_table_says_of_features_is_part_of_their_key() -> None:
    reader = manifest.reader(features(), DECODE)
    video = Video("a", Path("a.npy"), "train", n_frames=7)
    keys = {
        reader.recipe.key(source[1])
        for each in (video, replace(video, n_frames=8), replace(video, fps=24.0))
        for source in reader.sources([each], {"a": "00"})
    }
    assert len(keys) == 3
    for changed in ({"frames_per_feature": 16}, {"fps": 24.0}):
        other = manifest.reader(features(**changed), DECODE)
        assert other.recipe.key("00") != reader.recipe.key("00")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_text("no array")
    np.save(tmp_path / "b.npy", np.ones((4, 3), dtype=np.float32))
    videos = [Video(name, tmp_path / f"{name}.npy", "train") for name in "abc"]
    done, failed = manifest.reader(features(), DECODE).digests(videos)
    assert list(done) == ["b"]
    assert list(failed) == ["a", "c"]
    assert "a.npy" in failed["a"]
    done, failed = manifest.reader(folder(), DECODE).digests(videos)
    assert list(done) == ["a", "b"]
    assert failed == {"c": "cannot be read: No such file or directory"}


def test_a_split_that_shows_none_of_a_category_is_noted(tmp_path: Path) -> None:
    rows = [f"n{i}.mp4,{'test' if i < 2 else 'train'}," for i in range(12)]
    rows += [f"f{i}.mp4,{'test' if i < 2 else 'train'},Fall" for i in range(12)]
    rows += [f"u{i}.mp4,train,Überfall" for i in range(2)]
    (tmp_path / "videos.csv").write_text("\n".join(["path,split,categories", *rows]) + "\n")
    for row in rows:
        (tmp_path / row.split(",")[0]).touch()
    source = FolderSource.model_validate({"adapter": "folder", "validation_share": 0.2})
    assert manifest.list_videos(tmp_path, source).notes == [
        "the validation split shows none of: Überfall (2 videos)",
        "the test split shows none of: Überfall (2 videos)",
    ]
