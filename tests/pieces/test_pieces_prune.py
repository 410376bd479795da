"""What a store holds, and what pruning takes away and leaves."""

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from pipeline import pieces
from pipeline.errors import UserError
from pipeline.pieces.in_use import InUse
from tests.pieces.measuring import PATIENT, Measure, key_of, save

DAY = 86400.0


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_contents_are_counted_by_stage(store: pieces.Store) -> None:
    save(store, 1, 2)
    other = pieces.Store(store.root, "other", store.schema)
    save(other, 3)
    age(store.path(key_of(1)), 100)
    found = pieces.contents(store.root)
    assert list(found) == ["floors", "other"]
    sizes = [store.path(key_of(number)).stat().st_size for number in (1, 2)]
    assert (found["floors"].n_pieces, found["floors"].n_bytes) == (2, sum(sizes))
    assert found["floors"].oldest == store.path(key_of(1)).stat().st_mtime
    assert found["floors"].newest == store.path(key_of(2)).stat().st_mtime
    assert pieces.contents(store.root / "absent") == {}


def test_only_old_pieces_that_nobody_uses_are_removed(store: pieces.Store) -> None:
    jobs = save(store, *range(4))
    for number in (0, 1):
        age(store.path(key_of(number)), 2 * DAY)
    keep = {key_of(0)}
    size = store.path(key_of(1)).stat().st_size
    planned = pieces.prune(store.root, keep, older_than=DAY, dry_run=True)
    assert (planned.n_pieces, planned.n_bytes) == (1, size)
    assert pieces.missing_keys(store, (job.key for job in jobs)) == set()
    done = pieces.prune(store.root, keep, older_than=DAY)
    assert done == planned
    assert pieces.missing_keys(store, (job.key for job in jobs)) == {key_of(1)}
    assert not store.path(key_of(1)).parent.exists()  # an empty folder
    assert pieces.prune(store.root, keep, older_than=DAY).n_pieces == 0


def test_pruning_touches_nothing_but_pieces(store: pieces.Store, tmp_path: Path) -> None:
    save(store, 1)
    piece = store.path(key_of(1))
    others = [
        store.root / "note.parquet",
        store.root / "floors" / f"{key_of(2)}.parquet",
        piece.with_name("video.parquet"),
        piece.with_name(f"{'0' * 2}{key_of(1)[2:]}.parquet"),  # a key of another folder
        piece.with_name(piece.name + ".bak"),
        store.root / "floors" / "zz" / f"{key_of(2)}.parquet",
    ]
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    linked = piece.with_name(f"{piece.name[:2]}{'1' * 62}.parquet")
    linked.symlink_to(others[0])
    for path in (piece, *others):
        age(path, DAY)
    assert pieces.prune(store.root, set(), older_than=0).n_pieces == 1
    assert not piece.exists()
    assert all(path.exists() for path in [*others, linked])


def test_one_stage_alone_can_be_pruned(store: pieces.Store) -> None:
    other = pieces.Store(store.root, "other", store.schema)
    save(store, 1)
    save(other, 1)
    assert pieces.prune(store.root, set(), older_than=-1, stage="other").n_pieces == 1
    assert store.path(key_of(1)).exists()
    with pytest.raises(UserError, match=r"no pieces of a stage 'clap' \(it has: floors"):
        pieces.prune(store.root, set(), older_than=0, stage="clap")


def test_a_stage_at_work_is_passed_over_until_its_run_ends(store: pieces.Store) -> None:
    save(store, 1)
    runs = [InUse(store.root / "floors"), InUse(store.root / "floors")]
    for _ in range(2):
        assert pieces.prune(store.root, set(), older_than=-1).in_use == ["floors"]
        assert store.path(key_of(1)).exists()
        runs.pop()
    done = pieces.prune(store.root, set(), older_than=-1)
    assert (done.n_pieces, done.in_use) == (1, [])


def test_half_written_files_of_the_dead_and_the_long_gone_are_removed(
    store: pieces.Store,
) -> None:
    save(store, 1)
    folder = store.path(key_of(1)).parent
    young, old = (folder / f".0{i}.elsewhere-1-ab.tmp" for i in range(2))
    for path in (young, old):
        path.touch()
    age(old, 3 * DAY)
    done = pieces.prune(store.root, {key_of(1)}, older_than=0)
    assert (done.n_pieces, done.n_temporary) == (0, 1)
    assert young.exists()


RUN = """
import random
import sys
import time
from pathlib import Path
from pipeline import pieces, tables
from pipeline.pieces.in_use import InUse
from tests.pieces.measuring import jobs_of, save

root, n = Path(sys.argv[1]), 0
store = pieces.Store(root / "store", "floors", tables.FLOORS)
while not (root / "stop").exists():
    numbers = range(12)
    in_use = InUse(store.root / store.stage)
    missing = pieces.missing_keys(store, (job.key for job in jobs_of({str(i): i for i in numbers})))
    save(store, *(i for i in numbers if jobs_of({"x": i})[0].key in missing))
    assert pieces.assemble(jobs_of({str(i): i for i in numbers}), store, root / sys.argv[2]) == 12
    del in_use
    n += 1
    time.sleep(random.random() / 20)  # nobody can prune while all runs are at work
print(n)
"""


def test_pruning_never_disturbs_a_run_beside_it(store: pieces.Store, tmp_path: Path) -> None:
    program = tmp_path / "run.py"
    program.write_text(RUN)
    here = Path(__file__).resolve().parents[2]
    command = [sys.executable, str(program), str(tmp_path)]
    runs = [
        subprocess.Popen(
            [*command, name], cwd=here, env={"PYTHONPATH": str(here)}, stdout=subprocess.PIPE
        )
        for name in ("a", "b")
    ]
    removed, deadline = 0, time.monotonic() + 60
    while time.monotonic() < deadline and removed < 60 and not any(r.poll() for r in runs):
        removed += pieces.prune(store.root, set(), older_than=-1).n_pieces
    (tmp_path / "stop").touch()
    rounds = [int(run.communicate(timeout=60)[0]) for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert removed > 0
    assert min(rounds) > 1
    assert not list(tmp_path.rglob("*.tmp"))


def test_what_compute_found_cannot_be_pruned_before_it_is_assembled(
    store: pieces.Store, log: Path
) -> None:
    jobs = save(store, 1, 2)
    computed = pieces.compute(jobs, partial(Measure, log), store, PATIENT)
    assert pieces.prune(store.root, set(), older_than=-1).in_use == ["floors"]
    assert pieces.assemble(computed.done, store, store.root.parent / "out.parquet") == 2
    del computed
    assert pieces.prune(store.root, set(), older_than=-1).n_pieces == 2
