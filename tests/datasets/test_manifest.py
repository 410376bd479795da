from pathlib import Path

from pipeline import tables
from pipeline.datasets import manifest
from pipeline.datasets.listing import Event, Listing, Video

PROBE = {"n_frames": 100, "fps": 25.0, "width": 64, "height": 48}


def test_events_are_clipped_to_the_video_and_counted() -> None:
    events = (Event(10, 20, "Fire"), Event(90, 101, "Fire"), Event(100, 120, "Fire"))
    listing = Listing([Video("v", Path("v.mp4"), "test", ("Fire",), events)], ["Fire"])
    table, n_clipped = manifest.build(listing, {"v": "00"}, {"v": PROBE}, {})
    tables.check(table, tables.MANIFEST, "manifest")
    assert n_clipped == 2
    assert table["events"].to_pylist() == [
        [
            {"start": 10, "end": 20, "category": "Fire"},
            {"start": 90, "end": 100, "category": "Fire"},
        ]
    ]


def test_an_unreadable_video_is_a_row_with_its_reason() -> None:
    videos = [
        Video("z", Path("z.mp4"), "train"),
        Video("a", Path("a.mp4"), "test", ("Fire",), (Event(0, 5, "Fire"),)),
    ]
    listing = Listing(videos, ["Fire"], missing=["m"])
    table, n_clipped = manifest.build(listing, {"z": "00"}, {"z": PROBE}, {"a": "cut short"})
    rows = table.to_pylist()
    assert [row["video_id"] for row in rows] == ["a", "z"]
    assert (rows[0]["status"], rows[0]["error"], rows[0]["n_frames"]) == (
        "unreadable",
        "cut short",
        0,
    )
    assert (rows[1]["status"], rows[1]["error"], rows[1]["n_frames"]) == ("ok", "", 100)
    summary = manifest.summary(listing, table, n_clipped)
    assert manifest.summary_line(summary) == (
        "2 videos (1 train, 1 test, 1 abnormal), 1 unreadable, 1 missing"
    )
