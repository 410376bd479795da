import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.pieces.measuring import made

SLOW_RUN = """
import sys, time
from functools import partial
from pathlib import Path
from pipeline import pieces, tables
from tests.pieces.measuring import PATIENT, Measure, jobs_of

class Slow(Measure):
    def __call__(self, number):
        time.sleep(0.2)
        return super().__call__(number)

if __name__ == "__main__":
    root = Path(sys.argv[1])
    store = pieces.Store(root / "store", "floors", tables.FLOORS)
    jobs = jobs_of({f"v{i}": i for i in range(20)})
    pieces.compute(jobs, partial(Slow, root / "log"), store, PATIENT)
    pieces.assemble(jobs, store, root / "out.parquet")
"""


def start(root: Path, program: Path) -> subprocess.Popen[bytes]:
    here = Path(__file__).resolve().parents[2]
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
