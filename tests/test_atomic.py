import errno
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.atomic import UnwritableError, atomic_path, sweep, write_text

KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from pipeline.atomic import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def leave_half_written(path: Path) -> Path:
    subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(path)], check=False)
    (left,) = path.parent.glob(".*.tmp")
    return left


def test_success_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_text(path, "one")
    write_text(path, "two")
    assert path.read_text() == "two"
    assert list(path.parent.iterdir()) == [path]


def test_failure_keeps_the_old_content_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_sweep_removes_what_a_killed_process_left_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.parquet"
    left = leave_half_written(path)
    other_host = path.parent / ".b.parquet.elsewhere-1.tmp"
    other_namespace = left.with_name(left.name.replace("_", "_9", 1))
    theirs = path.parent / ".vimrc.tmp"
    for foreign in (other_host, other_namespace, theirs):
        foreign.touch()
    with atomic_path(path) as mine:
        mine.write_text("in progress")
        assert sweep(tmp_path, below=False) == 0
        assert sweep(tmp_path) == 1
        assert mine.exists()
    assert sorted(path.parent.iterdir()) == sorted([other_host, other_namespace, theirs, path])


def test_a_process_that_waits_to_be_taken_note_of_is_dead(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    command = [sys.executable, "-c", KILLED_WHILE_WRITING, str(path)]
    with subprocess.Popen(command) as zombie:
        while ") Z" not in Path(f"/proc/{zombie.pid}/stat").read_text():
            time.sleep(0.01)
        assert sweep(tmp_path) == 1  # its parent has not waited for it
    assert list(tmp_path.iterdir()) == []


def test_threads_that_write_one_path_do_not_share_a_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    texts = [str(i) * 5000 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            list(pool.map(lambda text: write_text(path, text), texts))
            assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_of_the_greatest_length_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 255)
    write_text(path, "x")
    assert path.read_text() == "x"
    with pytest.raises(UnwritableError, match="the name is too long; shorten it"):
        write_text(tmp_path / ("a" * 256), "x")


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder" / "a").mkdir(parents=True)
    with pytest.raises(
        UnwritableError, match=r"file/a cannot be written.*a file is where a folder"
    ):
        write_text(tmp_path / "file" / "a", "x")
    with pytest.raises(UnwritableError, match="a folder is where the file should be"):
        write_text(tmp_path / "folder" / "a", "x")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "file", "folder"]


@pytest.mark.parametrize(
    ("code", "way_out"),
    [
        (errno.ENOSPC, "the disk is full; make room"),
        (errno.EDQUOT, "your quota is used up"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "there is no permission"),
        (errno.EIO, "the disk reports a fault"),
    ],
)
@pytest.mark.parametrize("call", ["mkdir", "fsync", "replace"])
def test_each_reason_has_a_way_out_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, way_out: str, call: str
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def refuse(*args: object, **options: object) -> None:
        name = None if call == "fsync" else str(path)
        raise OSError(code, os.strerror(code), name)

    monkeypatch.setattr(os if call == "fsync" else Path, call, refuse)
    with pytest.raises(UnwritableError, match=way_out) as caught:
        write_text(path, "new")
    monkeypatch.undo()
    assert str(path) in str(caught.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_about_another_file_keeps_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic_path(tmp_path / "a"):
        (tmp_path / "elsewhere").read_text()
