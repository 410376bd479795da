"""No room, no permission, something in the way: told with a way out, and nothing is lost."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from pipeline import engine, pieces, tables
from pipeline.atomic import UnwritableError
from tests.pieces.measuring import PATIENT, Measure, jobs_of, made, save


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB, where this process may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no `mount` here: the full disk of the other tests is a pretended one")
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk to fill: {mounted.stderr.strip()}")
    yield disk
    # Lazily: workers that are just ending may hold it open.
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the room there is."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError as error:
                assert error.errno == errno.ENOSPC
                return path


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_a_full_disk_loses_nothing(small_disk: Path, log: Path) -> None:
    store = pieces.Store(small_disk / "store", "floors", tables.FLOORS)
    jobs = jobs_of({"v1": 1, "v2": 2, "v3": 3})
    pieces.compute(jobs[:1], partial(Measure, log), store, PATIENT)
    before = files(small_disk)
    filler = fill(small_disk)
    with pytest.raises(engine.FatalError, match="the disk is full; make room, then run again"):
        pieces.compute(jobs, partial(Measure, log), store, PATIENT)
    assert files(small_disk) == before | {"filler"}  # no temporary file, nothing half-written
    filler.unlink()
    computed = pieces.compute(jobs, partial(Measure, log), store, PATIENT)
    assert computed.summary() == "2 computed, 1 reused, 0 left out"


def test_a_disk_that_fills_while_an_output_is_made_keeps_the_old_one(
    small_disk: Path, tmp_path: Path, store: pieces.Store
) -> None:
    jobs = save(store, 1, 2)
    table, folder = small_disk / "out.parquet", small_disk / "frames"
    pieces.assemble(jobs[:1], store, table)
    pieces.link_each(jobs[:1], store, folder)  # a copy: another file system
    old, before = table.read_bytes(), files(small_disk)
    filler = fill(small_disk)
    with pytest.raises(UnwritableError, match="the disk is full") as assembling:
        pieces.assemble(jobs, store, table)
    with pytest.raises(UnwritableError, match="the disk is full") as linking:
        pieces.link_each(jobs, store, folder)
    assert str(table) in str(assembling.value)
    assert str(folder / "v") in str(linking.value)
    assert table.read_bytes() == old
    assert files(small_disk) == before | {"filler"}
    filler.unlink()
    pieces.link_each(jobs, store, folder)
    assert (folder / "v2.parquet").read_bytes() == store.path(jobs[1].key).read_bytes()


class NoRoom(Measure):
    """In a worker whose disk is full from the second piece on."""

    def __call__(self, number: int) -> tables.pa.Table:
        if number > 1:
            os.fsync = refuse(errno.ENOSPC)
        return super().__call__(number)


def refuse(code: int) -> Callable[..., None]:
    def call(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return call


def test_a_worker_without_room_stops_the_run_and_keeps_what_was_made(
    log: Path, store: pieces.Store
) -> None:
    jobs = jobs_of({"v1": 1, "v2": 2, "v3": 3})
    with pytest.raises(engine.FatalError, match=r"runtime\.store.*the disk is full") as caught:
        pieces.compute(jobs, partial(NoRoom, log), store, PATIENT, workers=1)
    assert str(store.root) in str(caught.value)
    assert files(store.root) == {f"{jobs[0].key}.parquet"}
    computed = pieces.compute(jobs, partial(Measure, log), store, PATIENT)
    assert computed.n_reused == 1
    assert set(made(log)) == {1, 2, 3}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_an_output_that_cannot_be_linked_is_named(
    tmp_path: Path, store: pieces.Store, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def no(source: Path, target: Path) -> None:
        raise OSError(code, os.strerror(code), str(source), None, str(target))

    jobs = save(store, 1)
    monkeypatch.setattr(os, "link", no)
    with pytest.raises(UnwritableError, match=r"v1\.parquet cannot be written.*run again"):
        pieces.link_each(jobs, store, tmp_path / "frames")
    assert files(tmp_path / "frames") == set()


def test_an_unwritable_store_stops_the_run(tmp_path: Path, log: Path) -> None:
    (tmp_path / "store").write_text("a file where the store should be")
    store = pieces.Store(tmp_path / "store", "floors", tables.FLOORS)
    with pytest.raises(engine.FatalError, match=r"cannot write to the work store.*move it away"):
        pieces.compute(jobs_of({"v1": 1}), partial(Measure, log), store, PATIENT)


def test_an_output_folder_that_is_a_file_is_named(tmp_path: Path, store: pieces.Store) -> None:
    jobs = save(store, 1)
    (tmp_path / "frames").write_text("in the way")
    with pytest.raises(UnwritableError, match=r"frames cannot be written.*move it away"):
        pieces.link_each(jobs, store, tmp_path / "frames")
    with pytest.raises(UnwritableError, match=r"clip\.parquet cannot be written.*move it away"):
        pieces.assemble(jobs, store, tmp_path / "frames" / "clip.parquet")


@pytest.mark.parametrize(
    ("video_id", "reason"),
    [
        ("a" * 248, "256 bytes with '.parquet', a file's name has at most 255"),
        ("é" * 124, "256 bytes"),
        ("a/../../b", "not a path inside a folder"),
        ("/etc/b", "not a path inside a folder"),
        ("a\0b", "not a path inside a folder"),
        (".hidden", "begins with a dot"),
        ("", "begins with a dot"),
    ],
)
def test_a_video_id_that_is_no_file_name_is_told_before_anything_changes(
    tmp_path: Path, store: pieces.Store, video_id: str, reason: str
) -> None:
    (job,) = save(store, 1)
    pieces.link_each([job], store, tmp_path / "frames")
    bad = pieces.Job(video_id, job.key, 1)
    with pytest.raises(tables.UserError, match=reason) as caught:
        pieces.link_each([pieces.Job("new", job.key, 1), bad], store, tmp_path / "frames")
    assert repr(video_id) in str(caught.value)
    assert files(tmp_path / "frames") == {"v1.parquet"}


def test_the_longest_video_id_is_linked(tmp_path: Path, store: pieces.Store) -> None:
    (job,) = save(store, 1)
    names = ["a" * 247, "folder/video", "é" * 123]
    pieces.link_each([pieces.Job(n, job.key, 1) for n in names], store, tmp_path / "frames")
    for name in names:
        assert pieces.key_of(tmp_path / "frames" / f"{name}.parquet") == job.key
