"""Which cluster a run uses, and what is left of one that it started."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import engine
from pipeline.engine import ray_cluster
from pipeline.errors import UserError
from tests.engine.test_ending import none_runs, wait_for
from tests.engine.trouble import make_trouble
from tests.runtime import RUNTIME

ROOT = Path(__file__).resolve().parents[2]
RAY = RUNTIME.model_copy(update={"engine": "ray"})


def test_ray_that_is_not_installed_is_an_error_with_a_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # importing it fails
    with pytest.raises(UserError, match=r"pip install -r requirements-ray.txt\) or set runtime"):
        list(engine.run(make_trouble, ["a"], RAY, label="test"))


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("ray://head:10001", "start it on a node of the cluster"),
        ("127.0.0.1:1", r"no Ray cluster at RAY_ADDRESS=127.0.0.1:1 \(.*refused.*is it running"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_said_at_once(
    address: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray", reason="Ray is not installed (requirements-ray.txt)")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setenv(ray_cluster.ADDRESS, address)
    with pytest.raises(UserError, match=told):
        list(engine.run(make_trouble, ["a"], RAY, label="test"))


PROGRAM = """
import os, sys
from functools import partial
from pathlib import Path
from pipeline import engine
from tests.runtime import RUNTIME

class Hang:
    def __init__(self, folder):
        self.folder = Path(folder)

    def __call__(self, work):
        (self.folder / f"{os.getpid()}.pid").touch()
        if work == "hangs":
            (self.folder / f"{os.getpid()}.hangs").touch()
            sum(iter(int, 1))
        return work.upper()

if __name__ == "__main__":
    runtime = RUNTIME.model_copy(update={"engine": "ray", "timeout_s": 600.0})
    os.chdir(sys.argv[1])  # where workers must find themselves
    for outcome in engine.run(partial(Hang, "."), ["quick", "hangs", "hangs"], runtime, label="t"):
        print(outcome.value, flush=True)
"""


def test_a_ray_that_a_run_started_ends_with_it(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed (requirements-ray.txt)")
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    program = subprocess.Popen(
        [sys.executable, str(path), str(tmp_path)],
        env=environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(tmp_path, "*.hangs", 2)
        program.send_signal(signal.SIGTERM)
        out, told = program.communicate(timeout=30)
    finally:
        program.kill()
    assert out == "QUICK\n"
    assert program.returncode == 128 + signal.SIGTERM
    assert told.strip() == "t: stopped by SIGTERM; run again to go on from here"  # no logs of Ray's
    assert none_runs(tmp_path)
