from pathlib import Path

import pytest

from pipeline.datasets.listing import Listing, files_below, is_video, nearest, read_lines
from pipeline.errors import UserError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "raw", tmp_path / "elsewhere"
    touch(root, "b/one.mp4", ".hidden.mp4", "a.txt")
    touch(elsewhere, "two.mp4")
    (root / "part").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(root)
    (root / "self").symlink_to(root / "self")
    (root / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (root / "linked.mp4").symlink_to(elsewhere / "two.mp4")
    expected = ["a.txt", "b/one.mp4", "gone.mp4", "linked.mp4", "part/two.mp4", "self"]
    assert files_below(root) == [root / name for name in expected]


def test_a_folder_reached_by_two_ways_is_read_by_both(tmp_path: Path) -> None:
    touch(tmp_path, "a/one.mp4")
    (tmp_path / "videos").symlink_to(tmp_path / "a")
    assert files_below(tmp_path) == [tmp_path / "a/one.mp4", tmp_path / "videos/one.mp4"]


def test_a_name_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    try:
        Path(f"{tmp_path}/caf\udce9.mp4").touch()
    except OSError:
        pytest.skip("this file system keeps UTF-8 names alone")
    with pytest.raises(UserError, match=r"'caf\\xe9\.mp4' is not UTF-8; rename"):
        files_below(tmp_path)


def test_what_is_a_video() -> None:
    assert is_video(Path("a.b.MP4"))
    assert not is_video(Path("mp4"))
    assert not is_video(Path("a.mp4.txt"))


def test_the_nearest_file_of_a_name(tmp_path: Path) -> None:
    touch(tmp_path, "a/b/list.txt", "z/list.txt", "y/list.txt")
    assert nearest(files_below(tmp_path), "list.txt") == tmp_path / "y/list.txt"
    assert nearest(files_below(tmp_path), "list.csv") is None


def test_lines_keep_their_numbers_and_lose_blanks_and_the_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes("\ufeffä one\r\n\n  two \n".encode())
    assert list(read_lines(path)) == [(f"{path}:1", "ä one"), (f"{path}:3", "two")]
    path.write_bytes(b"\xe4")
    with pytest.raises(UserError, match=r"list\.txt is not UTF-8"):
        list(read_lines(path))


def test_a_name_may_be_mislabelled_for_two_reasons() -> None:
    listing = Listing([], [])
    listing.mislabel("a", "one")
    listing.mislabel("a", "two")
    assert listing.mislabelled == {"a": "one; two"}
