"""A run's result is decided by its seed and thread count: kills, restarts, processes change no bit.

Children come from a server that has imported everything and computed nothing.
"""

import multiprocessing
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.models.head import Head
from pipeline.training import Progress, Watcher, weights_of
from tests.models.toy import same
from tests.training.killed import (
    KEY,
    SIX,
    KilledAfterSaving,
    KilledBeforeSaving,
    die,
    run,
    train_wide,
)

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tests.training.killed"])


def in_a_child(target: Any, *arguments: Any) -> int:
    child = SERVER.Process(target=target, args=arguments)
    child.start()
    child.join(60)
    assert child.exitcode is not None
    return child.exitcode


Result = tuple[Head, Watcher]


@pytest.fixture(scope="module")
def undisturbed() -> Result:
    return run(None)


def assert_equal(one: Result, two: Result) -> None:
    (head, watcher), (other_head, other) = one, two
    assert same(weights_of(head), weights_of(other_head))
    assert watcher.history == other.history
    assert watcher.best == other.best
    assert watcher.best_epoch == other.best_epoch
    assert watcher.best_weights.keys() == other.best_weights.keys() == {"validation", "test"}
    for split, weights in watcher.best_weights.items():
        assert same(weights, other.best_weights[split])


def test_the_best_epochs_lie_on_both_sides_of_a_kill(undisturbed: Result) -> None:
    """Guards the tests below: best weights are found, and kept, over some of the kills."""
    _, watcher = undisturbed
    assert len(watcher.history) == 6
    assert set(watcher.best_epoch.values()) != {6}
    assert not same(watcher.best_weights["test"], weights_of(undisturbed[0]))


@pytest.mark.parametrize("threads", [1, 2])
def test_fresh_processes_give_the_same_weights(threads: int, tmp_path: Path) -> None:
    weights = []
    for name in ("first", "second"):
        assert in_a_child(train_wide, threads, tmp_path / name) == 0
        weights.append(torch.load(tmp_path / name, weights_only=True))
    assert same(*weights)


@pytest.mark.parametrize("last", range(1, 7))
def test_a_kill_after_any_epoch_changes_nothing(
    last: int, tmp_path: Path, undisturbed: Result
) -> None:
    path = tmp_path / "progress.pt"
    assert in_a_child(die, path, KilledAfterSaving, last) == -signal.SIGKILL
    state = Progress(path, KEY).load()
    assert state is not None
    assert state["epoch"] == last
    assert_equal(run(Progress(path, KEY), start=7), undisturbed)


@pytest.mark.parametrize("last", [1, 4])
def test_a_kill_before_an_epoch_is_saved_costs_that_epoch(
    last: int, tmp_path: Path, undisturbed: Result
) -> None:
    path = tmp_path / "progress.pt"
    assert in_a_child(die, path, KilledBeforeSaving, last) == -signal.SIGKILL
    assert path.exists() == (last > 1)
    assert_equal(run(Progress(path, KEY)), undisturbed)


def test_a_kill_after_every_epoch_changes_nothing(tmp_path: Path, undisturbed: Result) -> None:
    path = tmp_path / "progress.pt"
    for last in range(1, 7):
        assert in_a_child(die, path, KilledAfterSaving, last) == -signal.SIGKILL
    assert_equal(run(Progress(path, KEY), start=7), undisturbed)


@pytest.mark.parametrize("last", range(1, 7))
def test_a_run_that_stopped_goes_on_to_the_same_result(
    last: int, tmp_path: Path, undisturbed: Result
) -> None:
    """In this process, with what else is drawn and built in between."""
    path = tmp_path / "progress.pt"
    run(Progress(path, KEY, every_s=0), settings=SIX.model_copy(update={"epochs": last}))
    torch.manual_seed(99)
    assert_equal(run(Progress(path, KEY), start=7), undisturbed)
