"""A file's digest is remembered for as long as the file shows no sign of change."""

import os
import time
from pathlib import Path

import pytest

from pipeline.datasets.known_digests import SETTLED_S, KnownDigests
from pipeline.digests import sha256_of

A, B, ABC = (
    "559aead08264d5795d3909718cdd05abd49572e84fe55590eef31a88a08fdffd",  # printf A | sha256sum
    "df7e70e5021544f4834bbee64a9e3789febc4be81470df629cad6ddb03320a5c",
    "b5d4045c3f466fa91fe2cc6abe79232a1a57cdf104f7a26e716e0a1e2789df78",
)


class Counted:
    """`sha256_of`, and how often it read."""

    def __init__(self) -> None:
        self.n_read = 0

    def __call__(self, path: Path) -> str:
        self.n_read += 1
        return sha256_of(path)


def settled(path: Path, text: str, age: float = 100.0) -> Path:
    path.write_text(text)
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_only_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path, count = settled(tmp_path / "v.mp4", "A"), Counted()
    for _ in range(2):
        assert KnownDigests(count, tmp_path / "store")(path) == A
    assert count.n_read == 1
    known = KnownDigests(count, tmp_path / "store")
    assert known(settled(path, "ABC", 200.0)) == ABC  # another size and time
    assert known(settled(path, "B", 100.0)) == B  # another time than at the first
    assert count.n_read == 3


def test_another_file_of_the_same_marks_is_read(tmp_path: Path) -> None:
    count = Counted()
    known = KnownDigests(count, tmp_path / "store")
    path, other = settled(tmp_path / "v.mp4", "A"), settled(tmp_path / "w.mp4", "B")
    os.utime(other, ns=(path.stat().st_mtime_ns,) * 2)
    assert (known(path), known(other)) == (A, B)
    other.replace(path)  # same name, size and time; another inode
    assert known(path) == B
    assert count.n_read == 3


def test_a_file_that_was_just_written_is_not_yet_known(tmp_path: Path) -> None:
    path, count = settled(tmp_path / "v.mp4", "A", SETTLED_S / 2), Counted()
    known = KnownDigests(count, tmp_path / "store")
    marks = path.stat().st_mtime_ns
    assert known(path) == A
    path.write_text("B")
    os.utime(path, ns=(marks, marks))  # within one tick of the clock
    assert known(path) == B


def test_a_file_that_changes_while_it_is_read_is_not_known(tmp_path: Path) -> None:
    path = settled(tmp_path / "v.mp4", "A")

    def slow(read: Path) -> str:
        found = sha256_of(read)
        settled(read, "ABC", 50.0)
        return found

    assert KnownDigests(slow, tmp_path / "store")(path) == A
    assert not list((tmp_path / "store").rglob("*.parquet"))


def test_distrust_reads_again_and_remembers(tmp_path: Path) -> None:
    path, count = settled(tmp_path / "v.mp4", "A"), Counted()
    marks = path.stat().st_mtime_ns
    assert KnownDigests(count, tmp_path / "store")(path) == A
    path.write_text("B")
    os.utime(path, ns=(marks, marks))  # the stated risk: in place, with size and time kept
    assert KnownDigests(count, tmp_path / "store")(path) == A
    assert KnownDigests(count, tmp_path / "store", anew=True)(path) == B
    assert KnownDigests(count, tmp_path / "store")(path) == B


def test_a_damaged_memory_is_made_again(tmp_path: Path) -> None:
    path, count = settled(tmp_path / "v.mp4", "A"), Counted()
    known = KnownDigests(count, tmp_path / "store")
    known(path)
    (piece,) = (tmp_path / "store").rglob("*.parquet")
    piece.write_bytes(piece.read_bytes()[:-9])
    assert (known(path), known(path)) == (A, A)
    assert count.n_read == 2


def test_a_file_that_cannot_be_read_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        KnownDigests(sha256_of, tmp_path)(tmp_path / "absent.mp4")
