import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline import pieces, tables
from pipeline.atomic import atomic_path
from pipeline.errors import UserError
from tests.test_engine import RUNTIME

RECIPE = pieces.Recipe("floors", 1, {"a": 1})


class Measure:
    """Makes a piece of a number, and notes in a folder that it did; fails on negative ones."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def __call__(self, number: int) -> pa.Table:
        if number < 0:
            raise ValueError("negative")
        (self.log / f"{number}-{time.monotonic_ns()}").touch()
        row = {"snippet": 0, "mean_brightness": float(number), "mean_motion": 0.0}
        return pa.Table.from_pylist([row], schema=tables.FLOORS)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    return tmp_path / "log"


@pytest.fixture
def store(tmp_path: Path) -> pieces.Store:
    return pieces.Store(tmp_path / "store", "floors", tables.FLOORS)


def jobs_of(numbers: dict[str, int]) -> list[pieces.Job]:
    return [pieces.Job(name, RECIPE.key(str(number)), number) for name, number in numbers.items()]


def made(log: Path) -> list[int]:
    return sorted(int(path.name.split("-")[0]) for path in log.iterdir())


def test_a_key_depends_on_all_that_shapes_a_piece() -> None:
    keys = {
        pieces.Recipe(stage, version, {"b": b, "a": 1}).key(source)
        for stage in ("clip", "text")
        for version in (1, 2)
        for b in (0.5, 1)
        for source in ("x", "y")
    }
    assert len(keys) == 16
    same = pieces.Recipe("clip", 1, {"a": 1, "b": 0.5}).key("x")
    assert same in keys  # the order of settings does not matter


def test_only_what_is_missing_is_computed(log: Path, store: pieces.Store) -> None:
    make = partial(Measure, log)
    first = pieces.compute(jobs_of({"v1": 1, "v2": 2}), make, store, RUNTIME)
    assert first.summary() == "2 computed, 0 reused, 0 left out"
    grown = jobs_of({"v1": 1, "v2": 2, "v3": 3})
    second = pieces.compute(grown, make, store, RUNTIME)
    assert second.summary() == "1 computed, 2 reused, 0 left out"
    assert made(log) == [1, 2, 3]


def test_videos_of_equal_content_share_a_piece(log: Path, store: pieces.Store) -> None:
    computed = pieces.compute(jobs_of({"v1": 5, "copy": 5}), partial(Measure, log), store, RUNTIME)
    assert made(log) == [5]
    assert [job.video_id for job in computed.done] == ["v1", "copy"]


def test_a_damaged_piece_is_made_again(
    log: Path, store: pieces.Store, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = jobs_of({"v1": 1, "v2": 2})
    pieces.compute(jobs, partial(Measure, log), store, RUNTIME)
    path = store.path(jobs[0].key)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    pieces.compute(jobs, partial(Measure, log), store, RUNTIME)
    assert made(log) == [1, 1, 2]
    assert path.read_bytes() == whole
    assert str(path) in capsys.readouterr().err


def test_a_failure_is_told_and_too_many_stop_the_stage(log: Path, store: pieces.Store) -> None:
    jobs = jobs_of({"good": 1, "bad": -1, "fine": 2})
    computed = pieces.compute(jobs, partial(Measure, log), store, RUNTIME)
    assert computed.failed == {"bad": "ValueError: negative"}
    assert [job.video_id for job in computed.done] == ["good", "fine"]
    strict = RUNTIME.model_copy(update={"max_failed_share": 0.3})
    with pytest.raises(UserError, match=r"1 of 3 videos failed[\s\S]*bad: ValueError: negative"):
        pieces.compute(jobs, partial(Measure, log), store, strict)
    assert made(log) == [1, 2]


def test_assembled_bytes_do_not_depend_on_workers_or_order_of_work(
    tmp_path: Path, log: Path
) -> None:
    jobs = jobs_of({f"v{i:02}": i for i in range(12)})
    outputs = []
    for workers, order in ((1, 1), (2, -1)):
        store = pieces.Store(tmp_path / f"store{workers}", "floors", tables.FLOORS)
        pieces.compute(jobs[::order], partial(Measure, log), store, RUNTIME, workers=workers)
        out = tmp_path / f"out{workers}.parquet"
        assert pieces.assemble(jobs, store, out) == 12
        outputs.append(out.read_bytes())
    assert outputs[0] == outputs[1]
    table = tables.read(out, tables.with_video(tables.FLOORS))
    assert table["video_id"].to_pylist() == [job.video_id for job in jobs]
    assert table["key"].to_pylist() == [job.key for job in jobs]


def test_pieces_are_linked_not_copied(tmp_path: Path, log: Path, store: pieces.Store) -> None:
    jobs = jobs_of({"a": 1, "b": 2})
    pieces.compute(jobs, partial(Measure, log), store, RUNTIME)
    pieces.link_each(jobs, store, tmp_path / "frames")
    linked = tmp_path / "frames" / "a.parquet"
    assert linked.samefile(store.path(jobs[0].key))
    assert pieces.key_of(linked) == jobs[0].key


def test_a_leftover_link_is_never_written_through(
    tmp_path: Path, log: Path, store: pieces.Store
) -> None:
    one, two = jobs_of({"v": 1, "w": 2})
    pieces.compute([one, two], partial(Measure, log), store, RUNTIME)
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
    pieces.compute([one, two], partial(Measure, log), store, RUNTIME)
    store.path(one.key).write_bytes(store.path(two.key).read_bytes())
    with pytest.raises(UserError, match="piece of another key"):
        store.load(one.key)


def test_an_unwritable_store_stops_the_run(tmp_path: Path, log: Path) -> None:
    (tmp_path / "store").write_text("a file where the store should be")
    store = pieces.Store(tmp_path / "store", "floors", tables.FLOORS)
    with pytest.raises(UserError, match="cannot write to the work store"):
        pieces.compute(jobs_of({"v1": 1}), partial(Measure, log), store, RUNTIME)


SLOW_RUN = """
import sys, time
from functools import partial
from pathlib import Path
from pipeline import pieces, tables
from tests.test_engine import RUNTIME
from tests.test_pieces import Measure, jobs_of

class Slow(Measure):
    def __call__(self, number):
        time.sleep(0.2)
        return super().__call__(number)

if __name__ == "__main__":
    root = Path(sys.argv[1])
    store = pieces.Store(root / "store", "floors", tables.FLOORS)
    jobs = jobs_of({f"v{i}": i for i in range(20)})
    pieces.compute(jobs, partial(Slow, root / "log"), store, RUNTIME)
    pieces.assemble(jobs, store, root / "out.parquet")
"""


def start(root: Path, program: Path) -> subprocess.Popen[bytes]:
    here = Path(__file__).resolve().parents[1]
    return subprocess.Popen(
        [sys.executable, str(program), str(root)], cwd=here, env={"PYTHONPATH": str(here)}
    )


def test_a_killed_run_resumes_and_computes_nothing_twice(tmp_path: Path) -> None:
    program = tmp_path / "slow_run.py"
    program.write_text(SLOW_RUN)
    for name in ("killed", "undisturbed"):
        (tmp_path / name / "log").mkdir(parents=True)
    killed = start(tmp_path / "killed", program)
    pieces_of = tmp_path / "killed" / "store"
    deadline = time.monotonic() + 60
    while len(list(pieces_of.rglob("*.parquet"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    time.sleep(1)  # orphaned workers finish what they hold and leave
    kept = len([p for p in pieces_of.rglob("*.parquet") if not p.name.startswith(".")])
    assert 5 <= kept < 20
    assert not (tmp_path / "killed" / "out.parquet").exists()
    assert start(tmp_path / "killed", program).wait() == 0
    assert start(tmp_path / "undisturbed", program).wait() == 0
    outputs = [tmp_path / name / "out.parquet" for name in ("killed", "undisturbed")]
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    computed = made(tmp_path / "killed" / "log")
    in_flight = 2  # one a worker
    assert len(computed) <= 20 + in_flight
    assert set(computed) == set(range(20))
    assert not list(pieces_of.rglob("*.tmp"))
