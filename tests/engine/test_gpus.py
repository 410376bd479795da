"""GPU workers without GPUs: the names of those visible are handed in."""

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from pipeline.engine import gpus, local
from pipeline.engine.work import FatalError, Outcome
from pipeline.errors import UserError
from tests.engine.trouble import Noting, calls
from tests.runtime import RUNTIME


@pytest.mark.parametrize(
    ("visible", "count", "expected"),
    [
        (None, 2, ["0", "1"]),
        ("2,5", 2, ["2", "5"]),
        ("3, -1, 2", 1, ["3"]),  # what follows an unknown name is hidden
        ("GPU-8a,GPU-7b", 2, ["GPU-8a", "GPU-7b"]),
        ("MIG-1a,MIG-2b", 1, ["MIG-1a", "MIG-2b"]),  # a process sees one, each has one
    ],
)
def test_gpus_have_the_names_that_the_environment_gives_them(
    visible: str | None, count: int, expected: list[str]
) -> None:
    assert gpus.names(visible, count) == expected


def test_the_device_decides_whether_gpus_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch  # noqa: PLC0415

    monkeypatch.delenv(gpus.VARIABLE, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert gpus.visible_gpus("cpu") == []
    assert gpus.visible_gpus("auto") == gpus.visible_gpus("cuda") == ["0", "1"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpus.visible_gpus("auto") == []
    with pytest.raises(UserError, match="torch sees no GPU"):
        gpus.visible_gpus("cuda")


def run(folder: Path, work: list[str], names: list[str], seconds: float = 0.5) -> list[Outcome]:
    outcomes = local.outcomes(
        partial(Noting, folder, seconds),
        work,
        RUNTIME,
        limits=[RUNTIME.timeout_s] * len(work),
        workers=None,
        gpus=names,
        label="test",
    )
    return list(outcomes)


def test_each_gpu_has_one_worker_that_sees_no_other(tmp_path: Path) -> None:
    work = [str(number) for number in range(10)]
    outcomes = run(tmp_path, work, ["GPU-8a", "5", "7"])
    seen = {outcome.value[1:] for outcome in outcomes}
    assert {name for _, name in seen} == {"GPU-8a", "5", "7"}
    assert len(seen) == 3  # not recycled: recycle_after is 3


def test_a_worker_that_died_or_hung_leaves_its_gpu_to_the_next(tmp_path: Path) -> None:
    work = ["a", "dies-1", "b", "dies-9", "c", "d"]
    outcomes = run(tmp_path, work, ["0", "1"], seconds=0.2)
    values = [outcome.value for outcome in outcomes if outcome.error is None]
    assert sorted(value[0] for value in values) == ["a", "b", "c", "d", "dies-1"]
    assert {value[2] for value in values} <= {"0", "1"}
    assert calls(tmp_path, "dies-9") == 2
    hung = run(tmp_path, ["x"], ["0"], seconds=60)
    assert "longer than 3 s" in str(hung[0].error)


def test_little_work_starts_few_workers(tmp_path: Path) -> None:
    outcomes = run(tmp_path, ["a"], ["0", "1", "2"])
    assert [outcome.value[2] for outcome in outcomes] == ["0"]


CLAIM = """
import sys, time
from pathlib import Path
from pipeline.engine import gpus
held = gpus.claim(Path(sys.argv[1]), ["0", "1"])
print("claimed", flush=True)
time.sleep(60)
"""


def test_a_claim_ends_with_its_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(gpus.VARIABLE, "before")
    monkeypatch.setattr(gpus, "FREE_AGAIN_S", 0.5)
    command = [sys.executable, "-c", CLAIM, str(tmp_path)]
    other = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdout.readline() == b"claimed\n"
    with gpus.claim(tmp_path, ["0", "1"]):
        assert os.environ[gpus.VARIABLE] == "1"
        with pytest.raises(FatalError, match="no free GPU among 0, 1 for"):
            gpus.claim(tmp_path, ["0", "1"])
        other.kill()
        time.sleep(0.2)
        gpus.claim(tmp_path, ["0", "1"]).close()
        assert os.environ[gpus.VARIABLE] == "0"
    other.wait()
    other.stdout.close()
