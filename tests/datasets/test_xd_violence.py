import unicodedata
from pathlib import Path

import pytest

from pipeline.config import XdViolenceSource
from pipeline.datasets.listing import Event, Listing, Video
from pipeline.datasets.xd_violence import CODES, list_videos
from pipeline.errors import UserError

TRAIN = [
    "1-1004/A.Beautiful.Mind.2001__#00-01-45_00-02-50_label_A.mp4",
    "1005-2004/v=x@Y__#1_label_B2-B6-0.mp4",
    "3320-3954/Die Hard 2 =1990= __#00-01_label_G-B2-B1.mp4",
]
TEST = [
    "videos/Bad Boys 1995 __#01-11-55_01-12-40_label_G-B2-B6.mp4",
    "videos/v=one__#1_label_B1-0-0.mp4",
    "videos/v=two__#1_label_A.mp4",
]
ANNOTATIONS = (
    "Bad Boys 1995 __#01-11-55_01-12-40_label_G-B2-B6 10 20 30 45\nv=one__#1_label_B1-0-0.mp4 0 7\n"
)


def source(**changes: object) -> XdViolenceSource:
    return XdViolenceSource.model_validate({"adapter": "xd_violence"} | changes)


def lay_out(root: Path, names: list[str], annotations: str | None = ANNOTATIONS) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    if annotations is not None:
        (root / "list").mkdir(parents=True, exist_ok=True)
        (root / "list/annotations.txt").write_text(annotations, encoding="utf-8")
    return root


def by_name(listing: Listing) -> dict[str, Video]:
    return {video.video_id: video for video in listing.videos}


def splits(listing: Listing) -> dict[str, str]:
    return {video.video_id: video.split for video in listing.videos}


def stems(names: list[str]) -> list[str]:
    return [Path(name).name.removesuffix(".mp4") for name in names]


def test_the_folders_as_distributed(tmp_path: Path) -> None:
    listing = list_videos(lay_out(tmp_path, TRAIN + TEST), source())
    assert splits(listing) == dict.fromkeys(stems(TRAIN), "train") | dict.fromkeys(
        stems(TEST), "test"
    )
    found = {v.video_id: (v.categories, v.events) for v in listing.videos}
    plain, two, three = stems(TRAIN)
    assert found[plain] == ((), ())
    assert found[two] == (("Shooting", "CarAccident"), ())
    assert found[three] == (("Explosion", "Shooting", "Fighting"), ())
    bad, one, normal = stems(TEST)
    assert found[bad] == (
        ("Explosion", "Shooting", "CarAccident"),
        (Event(10, 20, "Explosion"), Event(30, 45, "Explosion")),
    )
    assert found[one] == (("Fighting",), (Event(0, 7, "Fighting"),))
    assert found[normal] == ((), ())
    assert listing.categories == [
        "Fighting", "Shooting", "Riot", "Abuse", "CarAccident", "Explosion",
    ]  # fmt: skip
    assert not listing.missing + listing.unlisted + listing.duplicated + listing.notes
    assert not listing.mislabelled


def test_links_to_the_downloaded_parts(tmp_path: Path) -> None:
    lay_out(tmp_path / "disk1", TRAIN, annotations=None)
    lay_out(tmp_path / "disk2", TEST)
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "train").symlink_to(tmp_path / "disk1")
    (raw / "videos").symlink_to(tmp_path / "disk2/videos")
    (raw / "annotations.txt").symlink_to(tmp_path / "disk2/list/annotations.txt")
    assert sorted(splits(list_videos(raw, source())).values()) == ["test"] * 3 + ["train"] * 3


def test_a_raw_folder_below_one_called_videos_is_no_test_folder(tmp_path: Path) -> None:
    listing = list_videos(lay_out(tmp_path / "videos/raw", TRAIN, annotations=None), source())
    assert set(splits(listing).values()) == {"train"}


def flat(root: Path) -> Path:
    return lay_out(root, [Path(name).name for name in TRAIN + TEST])


def test_a_flat_folder_takes_annotated_videos_for_test_and_says_what_lacks(tmp_path: Path) -> None:
    listing = list_videos(flat(tmp_path), source())
    test = {name for name, split in splits(listing).items() if split == "test"}
    assert test == set(stems(TEST[:2]))
    assert len(listing.notes) == 1
    assert "no normal video is a test video" in listing.notes[0]
    assert "`test_list`" in listing.notes[0]


def test_a_test_list_names_the_normal_test_videos_of_a_flat_folder(tmp_path: Path) -> None:
    lines = ["videos/v=two__#1_label_A.mp4", "", "v=gone__#1_label_A", stems(TEST)[0]]
    (flat(tmp_path) / "test.txt").write_text("\n".join(lines))
    listing = list_videos(tmp_path, source(test_list="test.txt"))
    assert {n for n, split in splits(listing).items() if split == "test"} == set(stems(TEST))
    assert listing.missing == ["v=gone__#1_label_A"]
    assert listing.notes == []
    with pytest.raises(UserError, match=r"tests\.txt does not exist; `test_list`"):
        list_videos(tmp_path, source(test_list="tests.txt"))


def test_the_last_codes_of_a_name_count_each_once(tmp_path: Path) -> None:
    lay_out(tmp_path, ["v_label_B1_label_G-B4-G.mp4"], annotations=None)
    assert list_videos(tmp_path, source()).videos[0].categories == ("Explosion", "Riot")


def test_other_test_folders(tmp_path: Path) -> None:
    lay_out(tmp_path, ["eval/part/a_label_A.mp4", "videos/b_label_A.mp4"], annotations=None)
    found = splits(list_videos(tmp_path, source(test_folders=["eval"])))
    assert found == {"a_label_A": "test", "b_label_A": "train"}


@pytest.mark.parametrize(("disk", "text"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_a_name_in_another_unicode_normal_form_is_the_same(
    tmp_path: Path, disk: str, text: str
) -> None:
    name = "Léon é日本__#1_label_B1-0-0"
    on_disk, written = unicodedata.normalize(disk, name), unicodedata.normalize(text, name)
    assert on_disk != written
    lay_out(tmp_path, [f"1-1004/{on_disk}.mp4", "videos/ü_label_A.mp4"], f"{written} 3 5\n")
    listing = list_videos(tmp_path, source())
    video = by_name(listing)[unicodedata.normalize("NFC", name)]
    assert (video.split, video.events) == ("test", (Event(3, 5, "Fighting"),))
    assert video.path.is_file()
    assert not listing.missing


def test_what_is_annotated_but_not_there_is_missing(tmp_path: Path) -> None:
    listing = list_videos(lay_out(tmp_path, [*TRAIN, TEST[0], TEST[2]]), source())
    assert listing.missing == ["v=one__#1_label_B1-0-0"]


def test_the_settings_labels_override_the_name(tmp_path: Path) -> None:
    lay_out(tmp_path, ["car1.mp4", "v_label_A.mp4", "videos/n.mp4", "x_label_B1.mp4"], None)
    labels = {"car1": ["B6", "B1"], "v_label_A": ["G"], "n": ["A"], "typo": ["G"]}
    listing = list_videos(tmp_path, source(labels=labels))
    assert {v.video_id: v.categories for v in listing.videos} == {
        "car1": ("CarAccident", "Fighting"),
        "v_label_A": ("Explosion",),
        "n": (),
        "x_label_B1": ("Fighting",),
    }
    assert any("`labels` in params.yaml names videos not there: typo" in n for n in listing.notes)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("riot1", "its name has no code, expected e.g."),
        ("v_label_0-0-0", "its name has no code"),
        ("v_label_", "its name has no code"),
        ("v_label_B3-0-0", "its codes are B3, expected A alone, or up to three of B1, B2"),
        ("v_label_A-B1-0", "its codes are A-B1, expected A alone"),
    ],
)
def test_a_video_of_no_known_code_is_left_out_and_named(
    tmp_path: Path, name: str, complaint: str
) -> None:
    listing = list_videos(lay_out(tmp_path, [*TRAIN, f"{name}.mp4"]), source())
    assert name not in splits(listing)
    assert listing.mislabelled.keys() == {name}
    assert complaint in listing.mislabelled[name]
    assert "left out: add its codes to `labels`" in listing.mislabelled[name]


def test_labels_and_annotation_that_contradict_are_named(tmp_path: Path) -> None:
    names = ["videos/calm_label_A.mp4", "videos/riot_label_B4-0-0.mp4", "1-1004/t_label_G.mp4"]
    listing = list_videos(lay_out(tmp_path, names, "calm_label_A 5 9\n"), source())
    assert listing.mislabelled.keys() == {"calm_label_A", "riot_label_B4-0-0"}
    assert "annotated, but its code is A; taken as normal" in listing.mislabelled["calm_label_A"]
    assert "has no line in annotations.txt" in listing.mislabelled["riot_label_B4-0-0"]
    videos = by_name(listing)
    assert (videos["calm_label_A"].split, videos["calm_label_A"].events) == ("test", ())
    assert videos["riot_label_B4-0-0"].events == ()


def test_without_annotation_no_video_is_blamed_for_it(tmp_path: Path) -> None:
    listing = list_videos(lay_out(tmp_path, TEST[:2], annotations=None), source())
    assert listing.mislabelled == {}
    assert [note.split(" in ")[0] for note in listing.notes] == ["no annotations.txt"]


def test_of_files_of_one_name_the_one_in_the_test_folder_counts(tmp_path: Path) -> None:
    names = ["1-1004/v_label_A.mp4", "videos/v_label_A.mkv"]
    listing = list_videos(lay_out(tmp_path, names, annotations=None), source())
    assert [video.path for video in listing.videos] == [tmp_path / "videos/v_label_A.mkv"]
    assert listing.duplicated == [str(tmp_path / "1-1004/v_label_A.mp4")]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("\nv_label_B1", r":2: expected `name start end start end \.\.\.` in frames"),
        ("v_label_B1 1 2 3", r":1: expected `name start end"),
        ("v_label_B1 1 x", r":1: expected `name start end"),
        ("v_label_B1 1.5 2", r":1: expected `name start end"),
        ("v_label_B1 9 9", r":1: expected 0 <= start < end, found 9 9"),
        ("v_label_B1 -1 9", r":1: expected 0 <= start < end, found -1 9"),
        ("v_label_B1 1 2\nv_label_B1.mp4 3 4", r":2: v_label_B1 has been annotated"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    with pytest.raises(UserError, match=r"annotations\.txt" + complaint):
        list_videos(lay_out(tmp_path, TEST, line), source())


def test_the_example_clips_are_read_by_labels(shared_data: Path) -> None:
    code_of = {"abuse": "B5", "car": "B6", "explosion": "G", "fighting": "B1", "riot": "B4"}
    labels = {f"{name}1": [code] for name, code in code_of.items()}
    labels |= {"shooting1": ["B2"], "n1": ["A"], "n2": ["A"]}
    listing = list_videos(shared_data / "xd_violence", source(labels=labels))
    assert len(listing.videos) == 8
    assert {c for v in listing.videos for c in v.categories} == set(CODES.values())
    assert len(listing.missing) == 500
