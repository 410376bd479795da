from functools import partial
from pathlib import Path

import pytest

from pipeline import pieces, tables
from pipeline.atomic import atomic_path
from pipeline.errors import UserError
from tests.pieces.measuring import PATIENT, Measure, jobs_of, save
from tests.test_atomic import leave_half_written


def test_assembled_bytes_do_not_depend_on_workers_or_order_of_work(
    tmp_path: Path, log: Path
) -> None:
    jobs = jobs_of({f"v{i:02}": i for i in range(12)})
    outputs = []
    for workers, order in ((1, 1), (2, -1)):
        store = pieces.Store(tmp_path / f"store{workers}", "floors", tables.FLOORS)
        pieces.compute(jobs[::order], partial(Measure, log), store, PATIENT, workers=workers)
        out = tmp_path / f"out{workers}.parquet"
        assert pieces.assemble(jobs, store, out) == 12
        outputs.append(out.read_bytes())
    assert outputs[0] == outputs[1]
    table = tables.read(out, tables.with_video(tables.FLOORS))
    assert table["video_id"].to_pylist() == [job.video_id for job in jobs]
    assert table["key"].to_pylist() == [job.key for job in jobs]


def test_pieces_are_linked_not_copied(tmp_path: Path, log: Path, store: pieces.Store) -> None:
    jobs = jobs_of({"a": 1, "b": 2})
    pieces.compute(jobs, partial(Measure, log), store, PATIENT)
    pieces.link_each(jobs, store, tmp_path / "frames")
    linked = tmp_path / "frames" / "a.parquet"
    assert linked.samefile(store.path(jobs[0].key))
    assert pieces.key_of(linked) == jobs[0].key


def test_a_leftover_link_is_never_written_through(
    tmp_path: Path, log: Path, store: pieces.Store
) -> None:
    one, two = jobs_of({"v": 1, "w": 2})
    pieces.compute([one, two], partial(Measure, log), store, PATIENT)
    whole = store.path(one.key).read_bytes()
    frames = tmp_path / "frames"
    pieces.link_each([one], store, frames)
    with atomic_path(frames / "v.parquet") as temporary:
        temporary.touch()
        name = temporary.name
    (frames / name).hardlink_to(store.path(one.key))  # as a killed run of this pid leaves it
    pieces.link_each([pieces.Job("v", two.key, 2)], store, frames)
    assert store.path(one.key).read_bytes() == whole
    assert pieces.key_of(frames / "v.parquet") == two.key


def test_a_piece_under_another_s_name_is_not_used(log: Path, store: pieces.Store) -> None:
    one, two = jobs_of({"v": 1, "w": 2})
    pieces.compute([one, two], partial(Measure, log), store, PATIENT)
    store.path(one.key).write_bytes(store.path(two.key).read_bytes())
    with pytest.raises(UserError, match="piece of another key"):
        store.load(one.key)


def test_tables_of_videos_that_are_gone_are_removed_from_the_folder(
    tmp_path: Path, store: pieces.Store
) -> None:
    one, two, three = save(store, 1, 2, 3)
    frames = tmp_path / "frames"
    pieces.link_each([one, two], store, frames)
    (frames / "notes.txt").write_text("kept")
    pieces.link_each([two, three], store, frames)
    assert sorted(path.name for path in frames.iterdir()) == [
        "notes.txt",
        "v2.parquet",
        "v3.parquet",
    ]


def test_what_a_killed_run_left_beside_an_output_is_swept(
    tmp_path: Path, store: pieces.Store
) -> None:
    jobs = save(store, 1)
    left = [
        leave_half_written(tmp_path / "clip.parquet"),
        leave_half_written(tmp_path / "frames" / "v1.parquet"),
    ]
    foreign = tmp_path / "raw" / left[0].name  # not ours to look through: raw may be large
    foreign.parent.mkdir()
    foreign.touch()
    pieces.assemble(jobs, store, tmp_path / "clip.parquet")
    pieces.link_each(jobs, store, tmp_path / "frames")
    assert not any(path.exists() for path in left)
    assert foreign.exists()
