from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.config import UcfCrimeSource
from pipeline.datasets.listing import Event
from pipeline.datasets.ucf_crime import CATEGORIES, LISTS, list_videos
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


def test_a_flat_folder_and_files_behind_links(small: Path, tmp_path: Path) -> None:
    files = [*small.rglob("*_x264.mp4"), *small.glob("*.txt")]
    raw = tmp_path / "flat"
    raw.mkdir()
    for path in files:
        (raw / path.name).symlink_to(path)
    listing = list_videos(raw, SOURCE)
    assert len(listing.videos) == 4
    assert not listing.mislabelled


def test_nothing_is_mislabelled_in_the_distributed_layout(small: Path) -> None:
    assert list_videos(small, SOURCE).mislabelled == {}


def move(root: Path, old: str, new: str) -> None:
    (root / new).parent.mkdir(parents=True, exist_ok=True)
    (root / old).rename(root / new)


@pytest.mark.parametrize(
    ("old", "folder", "name"),
    [
        ("Anomaly-Videos-Part-1/Abuse/Abuse001_x264.mp4", "Part/Arson/more", "Arson"),
        ("Anomaly-Videos-Part-1/Abuse/Abuse001_x264.mp4", "Normal_Videos", "Normal_Videos"),
        ("Normal_Videos_641_x264.mp4", "Anomaly-Videos-Part-1/Abuse", "Abuse"),
    ],
)
def test_a_file_in_a_folder_of_another_label_is_named_and_the_list_wins(
    small: Path, old: str, folder: str, name: str
) -> None:
    file = Path(old).name
    move(small, old, f"{folder}/{file}")
    listing = list_videos(small, SOURCE)
    listed = "Abuse" if "Abuse001" in old else "Normal"
    assert listing.mislabelled == {
        Path(file).stem: f"lies in the folder '{name}'; taken as listed: {listed}"
    }
    video = next(v for v in listing.videos if v.video_id == Path(file).stem)
    assert video.categories == (("Abuse",) if listed == "Abuse" else ())


def test_the_nearest_folder_that_tells_a_label_counts(small: Path) -> None:
    move(small, "Anomaly-Videos-Part-1/Abuse/Abuse001_x264.mp4", "Arson/Abuse/x/Abuse001_x264.mp4")
    assert list_videos(small, SOURCE).mislabelled == {}


def test_a_name_of_another_category_is_named(tmp_path: Path) -> None:
    train = "Abuse/Arson010_x264.mp4\nAbuse/Arsonist_x264.mp4\nArson/Normal_Videos7_x264.mp4\n"
    train += "Training_Normal/Fighting002_x264.mp4\n"
    names = ["Arson010_x264.mp4", "Arsonist_x264.mp4", "Normal_Videos7_x264.mp4"]
    names.append("Fighting002_x264.mp4")
    lay_out(tmp_path, train=train, test="", events="", files=names)
    listing = list_videos(tmp_path, SOURCE)
    assert listing.mislabelled == {
        "Arson010_x264": "its name begins with 'Arson'; taken as listed: Abuse",
        "Normal_Videos7_x264": "its name begins with 'Normal'; taken as listed: Arson",
        "Fighting002_x264": "its name begins with 'Fighting'; taken as listed: Normal",
    }
    assert {v.video_id: v.categories for v in listing.videos} == {
        "Arson010_x264": ("Abuse",),
        "Arsonist_x264": ("Abuse",),
        "Normal_Videos7_x264": ("Arson",),
        "Fighting002_x264": (),
    }


@pytest.mark.parametrize(
    ("line", "events", "reason"),
    [
        (
            "Arson009_x264.mp4  Abuse  220  315  -1  -1",
            (Event(220, 315, "Arson"),),
            "annotated as Abuse; taken as listed: Arson",
        ),
        ("Arson009_x264.mp4  Normal  -1  -1", (), "annotated as Normal; taken as listed: Arson"),
        ("", (), "has no line in the annotation; counts as without annotated event"),
    ],
)
def test_where_list_and_annotation_differ_the_list_wins(
    small: Path, line: str, events: tuple[Event, ...], reason: str
) -> None:
    next(small.glob("Temporal*")).write_text(f"{line}\n")
    listing = list_videos(small, SOURCE)
    arson = next(v for v in listing.videos if v.video_id == "Arson009_x264")
    assert (arson.categories, arson.events) == (("Arson",), events)
    assert listing.mislabelled == {"Arson009_x264": reason}


def test_an_annotation_of_a_normal_or_a_training_or_an_unknown_video(small: Path) -> None:
    next(small.glob("Temporal*")).write_text(
        "Arson009_x264 Arson 1 2\nNormal_Videos_641_x264 Abuse 3 4\n"
        "Abuse001_x264 Abuse 5 6\nAbuse999_x264 Abuse 7 8\n"
    )
    listing = list_videos(small, SOURCE)
    assert listing.mislabelled == {
        "Normal_Videos_641_x264": "annotated as Abuse; taken as listed: Normal",
        "Abuse001_x264": "annotated, but not in the test list; its annotation is not used",
        "Abuse999_x264": "annotated, but in no list; its annotation is not used",
    }
    assert [v.video_id for v in listing.videos if v.events] == ["Arson009_x264"]


def test_an_abnormal_video_annotated_without_a_frame_is_named(small: Path) -> None:
    next(small.glob("Temporal*")).write_text("Arson009_x264.mp4  Arson  -1  -1  -1  -1\n")
    said = list_videos(small, SOURCE).mislabelled["Arson009_x264"]
    assert said == "annotated without a frame; counts as without annotated event"


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("Anomaly_Train.txt", "Abuse/a.mp4\nAbuse001\n", r"Train\.txt:2: expected <Category>"),
        ("Anomaly_Train.txt", "Piracy/a.mp4\n", r"Train\.txt:1: unknown category 'Piracy'"),
        ("Anomaly_Train.txt", "Abuse/a_x264.mp4 165 240\n", r"Train\.txt:1: expected <Category>"),
        ("Anomaly_Train.txt", "Abuse/readme.html\n", r"Train\.txt:1: expected <Category>"),
        (
            "Anomaly_Train.txt",
            "Arson/Arson009_x264.avi\n",
            r"Anomaly_Test\.txt:1: Arson009_x264 stands at .*Anomaly_Train\.txt:1 too",
        ),
        ("Temporal*", "a  Arson  1  2  3\n", r":1: expected pairs"),
        ("Temporal*", "a  Arson  1  x\n", r":1: expected frame numbers"),
        ("Temporal*", "\na  Arson  9  9\n", r":2: expected 0 <= start < end"),
        ("Temporal*", "a  Arsen  1  2\n", r":1: expected `name category start end"),
        ("Temporal*", "a\n", r":1: expected `name category start end"),
        ("Temporal*", "a.mp4  Arson\n", r":1: expected `name category start end"),
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


def official(raw: Path, shared_data: Path, folder_of: Callable[[str, str, int], str]) -> Path:
    """Empty files for all 1900 names, and links to the real lists."""
    raw.mkdir()
    lists = shared_data / "ucf_crime/annotations"
    for path in lists.glob("*.txt"):
        (raw / path.name).symlink_to(path)
    for name in LISTS.values():
        for number, line in enumerate((lists / name).read_text().split()):
            folder, file = line.split("/")
            place = raw / folder_of(name, folder, number) / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    return raw


def distributed(list_name: str, folder: str, number: int) -> str:
    """Where the download has a video; a part of each kind lies in each of its archives."""
    if "Normal" not in folder:
        return f"Anomaly-Videos-Part-{number % 4 + 1}/{folder}"
    test = list_name == LISTS["test"]
    return "Testing_Normal_Videos_Anomaly" if test else f"Training-Normal-Videos-Part-{number % 2}"


@pytest.mark.parametrize("folder_of", [distributed, lambda *_: "."], ids=["distributed", "flat"])
def test_the_whole_dataset_by_the_official_lists(
    tmp_path: Path, shared_data: Path, folder_of: Callable[[str, str, int], str]
) -> None:
    listing = list_videos(official(tmp_path / "raw", shared_data, folder_of), SOURCE)
    kinds = Counter((video.split, bool(video.categories)) for video in listing.videos)
    assert kinds == {
        ("train", True): 810,
        ("train", False): 800,
        ("test", True): 140,
        ("test", False): 150,
    }
    assert sum(bool(video.events) for video in listing.videos) == 140
    assert listing.mislabelled == {}
    assert not listing.missing + listing.unlisted + listing.duplicated + listing.notes
