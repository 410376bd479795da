"""How many trials are trained side by side."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline import pieces, trials
from pipeline.errors import UserError
from pipeline.trials import workers
from tests.runtime import RUNTIME
from tests.trying import PLAIN, SHORT, load, trial

CPU, GPU = torch.device("cpu"), torch.device("cuda")
GIB = 2**30


@pytest.mark.parametrize(
    ("processors", "threads", "bytes_each", "free", "expected"),
    [
        (8, 1, GIB, 100 * GIB, 8),
        (8, 3, GIB, 100 * GIB, 2),
        (2, 4, GIB, 100 * GIB, 1),
        (8, 1, 10 * GIB, 35 * GIB, 3),
        (8, 1, 10 * GIB, 5 * GIB, 1),
        (8, 1, 10 * GIB, None, 8),
        (8, 2, 0, 0, 4),
    ],
)
def test_as_many_as_there_is_room_for(
    processors: int, threads: int, bytes_each: int, free: int | None, expected: int
) -> None:
    assert workers.affordable(processors, threads, bytes_each, free) == expected


def test_workers_share_processors_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    videos = load()
    three = replace(PLAIN, train=SHORT.model_copy(update={"threads": 3}))
    groups = [(trial(),), (trial(three),)]
    runtime = RUNTIME.model_copy(update={"workers": 12})
    assert workers.workers_for(groups, videos, runtime, CPU) == 4
    assert workers.workers_for(groups[:1], videos, runtime, CPU) == 12
    assert workers.workers_for([], videos, runtime, CPU) == 12
    monkeypatch.setattr(workers, "free_memory", lambda: 9 * videos.features.nbytes)
    assert workers.workers_for(groups, videos, runtime, CPU) == 2
    monkeypatch.setattr(workers, "free_memory", lambda: None)
    own = runtime.model_copy(update={"workers": None})
    processors = len(os.sched_getaffinity(0))
    assert workers.workers_for(groups[:1], videos, own, CPU) == processors


def test_on_gpus_and_on_other_machines_the_engine_decides() -> None:
    videos, groups = load(), [(trial(),)]
    assert workers.workers_for(groups, videos, RUNTIME, GPU) is None
    on_ray = RUNTIME.model_copy(update={"engine": "ray"})
    assert workers.workers_for(groups, videos, on_ray, CPU) is None


def test_trials_are_run_in_that_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def noted(*_: Any, **how: Any) -> pieces.Computed:
        given.update(how)
        return pieces.Computed(failed={"a trial": "it was not computed"})

    monkeypatch.setattr(pieces, "compute", noted)
    monkeypatch.setattr(workers, "free_memory", lambda: 9 * load().features.nbytes)
    runtime = RUNTIME.model_copy(update={"workers": 5, "store": str(tmp_path), "device": "cpu"})
    with pytest.raises(UserError, match="not computed"):
        trials.run([trial()], load, runtime)
    assert given["workers"] == 2


def test_free_memory_is_what_the_system_says_is_available(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "meminfo"
    path.write_text("MemTotal:       9000 kB\nMemFree:  10 kB\nMemAvailable:    7000 kB\n")
    monkeypatch.setattr(workers, "MEMORY_INFO", path)
    assert workers.free_memory() == 7000 * 1024
    path.unlink()
    sizes = {"SC_AVPHYS_PAGES": 5, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    assert workers.free_memory() == 5 * 4096

    def absent(_: str) -> int:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "sysconf", absent)
    assert workers.free_memory() is None
