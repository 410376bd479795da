"""The same work on a Ray cluster of several nodes, all in this machine."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline import engine, pieces, tables
from pipeline.engine import ray_crew
from tests.engine.conftest import NODE
from tests.engine.trouble import (
    VALUES,
    WORK,
    Noting,
    Unpicklable,
    calls,
    make_and_die,
    make_impossible,
    make_trouble,
)
from tests.runtime import RUNTIME

RAY = RUNTIME.model_copy(update={"engine": "ray", "workers": None})


@pytest.fixture(scope="module")
def two_nodes(cluster: Any) -> Iterator[Any]:
    nodes = [cluster.add_node(num_cpus=1, **NODE) for _ in range(2)]
    yield cluster
    for node in nodes:
        cluster.remove_node(node)


def test_outcomes_are_those_of_the_local_engine(two_nodes: Any) -> None:
    told = []
    for runtime in (RAY, RUNTIME):
        outcomes = engine.run(make_trouble, WORK, runtime, label="test")
        told.append({WORK[o.index]: (o.value, o.error) for o in outcomes})
    on_ray, local = told
    assert {name: value for name, (value, error) in on_ray.items() if error is None} == VALUES
    died = on_ray.pop("dies")[1], local.pop("dies")[1]
    assert on_ray == local
    assert all(str(error).startswith("the worker process died (") for error in died)


class Brightness:
    """Makes a small piece of a number; fails on negative ones."""

    def __call__(self, number: int) -> pa.Table:
        if number < 0:
            raise ValueError("negative")
        row = {"snippet": 0, "mean_brightness": number / 7, "mean_motion": 0.0}
        return pa.Table.from_pylist([row], schema=tables.FLOORS)


def test_pieces_are_the_same_bytes_in_the_same_store(
    two_nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = pieces.Recipe("floors", 1, {})
    jobs = [pieces.Job(f"v{n}", recipe.key(str(n)), n) for n in range(-1, 12)]
    written = []
    for name in ("local", "ray"):
        runtime = RAY.model_copy(update={"engine": name, "recycle_after": 200})
        store = pieces.Store(Path(name), "floors", tables.FLOORS)  # relative, as in params.yaml
        computed = pieces.compute(jobs, Brightness, store, runtime)
        assert computed.failed == {"v-1": "ValueError: negative"}
        paths = sorted(Path(name).rglob("*.parquet"))
        written.append({path.name: path.read_bytes() for path in paths})
    assert len(written[0]) == 12
    assert written[0] == written[1]


def test_a_lost_node_costs_no_video(
    two_nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dies-1` has been blamed once when its node is lost: once more would leave it out."""
    doomed = two_nodes.add_node(num_cpus=1, resources={"doomed": 1}, **NODE)
    work = ["dies-1", *(str(number) for number in range(8))]
    runtime = RAY.model_copy(update={"timeout_s": 60.0})
    blamed: list[int] = []
    blame = ray_crew.Backlog.worker_died

    def noting(backlog: ray_crew.Backlog, index: int, how: str) -> engine.Outcome | None:
        blamed.append(index)
        return blame(backlog, index, how)

    monkeypatch.setattr(ray_crew.Backlog, "worker_died", noting)
    outcomes = engine.run(partial(Noting, tmp_path, 1.0), work, runtime, label="test")
    first = next(outcomes)
    two_nodes.remove_node(doomed, allow_graceful=False)
    done = [first, *outcomes]
    assert sorted(outcome.value[0] for outcome in done) == sorted(work)
    assert blamed in ([0], [])  # not even once where it died on the lost node itself
    if sum(calls(tmp_path, name) for name in work) <= len(work) + 1:
        pytest.skip("the lost node had not begun anything: nothing is shown this time")


def test_workers_are_as_many_as_asked_for_and_recycled(two_nodes: Any, tmp_path: Path) -> None:
    work = [str(number) for number in range(7)]
    one = RAY.model_copy(update={"workers": 1})
    outcomes = list(engine.run(partial(Noting, tmp_path), work, one, label="test"))
    assert [outcome.value[0] for outcome in outcomes] == work  # one worker: one after another
    assert len({outcome.value[1] for outcome in outcomes}) == 3  # recycle_after is 3: 3 + 3 + 1


def test_a_fatal_error_stops_the_run(two_nodes: Any) -> None:
    with pytest.raises(engine.FatalError, match="the disk is full"):
        list(engine.run(make_trouble, ["fatal", "a"], RAY, label="test"))


@pytest.mark.parametrize("make", [make_impossible, Unpicklable()])
def test_a_worker_that_cannot_start_stops_the_run(two_nodes: Any, make: Any) -> None:
    with pytest.raises(engine.FatalError, match=r"could not be set up.*no weights here"):
        list(engine.run(make, ["a", "b"], RAY, label="test"))


def test_workers_that_die_while_set_up_stop_the_run(two_nodes: Any) -> None:
    with pytest.raises(engine.FatalError, match="died while being set up"):
        list(engine.run(make_and_die, ["a", "b", "c"], RAY, label="test"))
