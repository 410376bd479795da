from pathlib import Path

import pytest

from pipeline.config import UcfCrimeSource
from pipeline.datasets.listing import Event
from pipeline.datasets.ucf_crime import CATEGORIES, list_videos
from pipeline.errors import UserError

SOURCE = UcfCrimeSource(adapter="ucf_crime")


def lay_out(root: Path, *, train: str, test: str, events: str, files: list[str]) -> None:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "Anomaly_Train.txt").write_text(train)
    (root / "Anomaly_Test.txt").write_text(test)
    (root / "Temporal_Anomaly_Annotation_for_Testing_Videos.txt").write_text(events)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    lay_out(
        tmp_path,
        train="Abuse/Abuse001_x264.mp4\nTraining_Normal_Videos_Anomaly/Normal_Videos001_x264.mp4\n",
        test="Arson/Arson009_x264.mp4\n\nTesting_Normal_Videos_Anomaly/Normal_Videos_641_x264.mp4\n",
        events=(
            "Arson009_x264.mp4  Arson  220  315  400  410  \n"
            "Normal_Videos_641_x264  Normal  -1  -1  -1  -1\n"
        ),
        files=[
            "Anomaly-Videos-Part-1/Abuse/Abuse001_x264.mp4",
            "Training-Normal-Videos-Part-1/Normal_Videos001_x264.mp4",
            "Anomaly-Videos-Part-2/Arson/Arson009_x264.mp4",
            "Normal_Videos_641_x264.mp4",
            "Anomaly-Videos-Part-2/Arson/readme.txt",
        ],
    )
    return tmp_path


def test_splits_labels_and_events(small: Path) -> None:
    listing = list_videos(small, SOURCE)
    found = {v.video_id: (v.split, v.categories, v.events) for v in listing.videos}
    assert found == {
        "Abuse001_x264": ("train", ("Abuse",), ()),
        "Normal_Videos001_x264": ("train", (), ()),
        "Arson009_x264": ("test", ("Arson",), (Event(220, 315, "Arson"), Event(400, 410, "Arson"))),
        "Normal_Videos_641_x264": ("test", (), ()),
    }
    assert listing.categories == CATEGORIES
    assert not listing.missing + listing.unlisted + listing.duplicated


def test_through_a_link_to_a_folder_elsewhere(small: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "raw"
    link.symlink_to(small)
    assert len(list_videos(link, SOURCE).videos) == 4


def test_lists_and_videos_behind_a_link_below(small: Path, tmp_path: Path) -> None:
    raw = tmp_path / "other" / "raw"
    raw.mkdir(parents=True)
    (raw / "part").symlink_to(small)
    assert len(list_videos(raw, SOURCE).videos) == 4


def test_a_partial_copy_says_what_does_not_fit(small: Path) -> None:
    (small / "Anomaly-Videos-Part-1/Abuse/Abuse001_x264.mp4").unlink()
    (small / "Extra001_x264.mp4").touch()
    (small / "A copy").mkdir()  # sorted before the folder that the list names
    (small / "A copy/Arson009_x264.mp4").touch()
    listing = list_videos(small, SOURCE)
    assert listing.missing == ["Abuse001_x264"]
    assert listing.unlisted == [str(small / "Extra001_x264.mp4")]
    assert listing.duplicated == [str(small / "A copy/Arson009_x264.mp4")]
    assert len(listing.videos) == 3


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("Anomaly_Train.txt", "Abuse/a.mp4\nAbuse001\n", r"Train\.txt:2: expected <Category>"),
        ("Anomaly_Train.txt", "Piracy/a.mp4\n", r"Train\.txt:1: unknown category 'Piracy'"),
        ("Anomaly_Train.txt", "Arson/Arson009_x264.avi\n", "listed twice"),
        ("Temporal*", "a  Arson  1  2  3\n", r":1: expected pairs"),
        ("Temporal*", "a  Arson  1  x\n", r":1: expected frame numbers"),
        ("Temporal*", "\na  Arson  9  9\n", r":2: expected 0 <= start < end"),
        ("Temporal*", "a  Arsen  1  2\n", r":1: expected `name category start end"),
        ("Temporal*", "a\n", r":1: expected `name category start end"),
        ("Temporal*", "a  Arson  1  2\na.mp4  Arson  3  4\n", r":2: a\.mp4 has been annotated"),
        ("Temporal*", "a  Normal  1  2\n", r":1: a normal video has no event"),
    ],
)
def test_a_wrong_line_is_named(small: Path, name: str, content: str, complaint: str) -> None:
    next(small.glob(name)).write_text(content)
    with pytest.raises(UserError, match=complaint):
        list_videos(small, SOURCE)


def test_a_missing_list_or_folder_is_named(small: Path) -> None:
    with pytest.raises(UserError, match="not a folder; put the videos there or link it"):
        list_videos(small / "nowhere", SOURCE)
    (small / "Anomaly_Test.txt").unlink()
    with pytest.raises(UserError, match=r"no Anomaly_Test\.txt here or below"):
        list_videos(small, SOURCE)


def test_the_official_lists(shared_data: Path) -> None:
    listing = list_videos(shared_data / "ucf_crime", SOURCE)
    assert sorted(v.video_id for v in listing.videos) == [
        "Arson009_x264",
        "Explosion016_x264",
        "Fighting033_x264",
        "Normal_Videos_641_x264",
        "RoadAccidents017_x264",
        "Robbery102_x264",
        "Shoplifting039_x264",
    ]
    assert len(listing.missing) == 1900 - 7
    assert {v.split for v in listing.videos} == {"test"}
    arson = next(v for v in listing.videos if v.video_id == "Arson009_x264")
    assert arson.events == (Event(220, 315, "Arson"),)
