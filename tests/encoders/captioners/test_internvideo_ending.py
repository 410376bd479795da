"""However the other interpreter, this process or its parent ends: nothing is lost or left."""

import fcntl
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pipeline import pieces, tables
from pipeline.encoders.captioners import captioner
from pipeline.encoders.captioners.internvideo import InternVideoCaptioner
from pipeline.encoders.captioners.internvideo import captioner as internvideo
from pipeline.encoders.captioners.internvideo.exchange import Exchange
from pipeline.encoders.captioners.snippets import CaptionSource, Snippets
from pipeline.engine import FatalError, SpoiledError
from tests.encoders.captioners.remote_model import tiny_chat
from tests.encoders.captioners.remote_worker import (
    ROOT,
    interpreter,
    runtime_of,
    settings_of,
    video_of,
)
from tests.encoders.captioners.stand_in import caption_of, interpreter_of
from tests.encoders.pictures import jpeg, noise, write_frames

Log = Path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_chat(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    """Where the stand-in notes what it captions; and a place of their own for exchange folders."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setenv("STAND_IN_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def stand_in(model: Path, log: Log) -> InternVideoCaptioner:
    python = interpreter_of(log.with_name("python"))
    return InternVideoCaptioner(settings_of(model, frames=8), runtime_of(python))


def expected(video: Snippets) -> list[str]:
    return [caption_of(list(own)) for own in video.images]


def folders(log: Log) -> list[Path]:
    return list((log.parent / "temporary").iterdir())


@pytest.mark.parametrize("kills", ["once", "twice"])
def test_a_run_goes_on_when_the_other_process_is_killed(
    kills: str, model: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The video under way is tried again; one that kills twice is left out."""
    numbers = {f"v{video}": [[10 * video + k for k in range(8)]] * 2 for video in range(5)}
    frames = {name: write_frames(log.parent / f"{name}.parquet", n) for name, n in numbers.items()}
    captions = {name: caption_of([jpeg(noise(k)) for k in n[0]]) for name, n in numbers.items()}
    if kills == "twice":
        monkeypatch.setenv("STAND_IN_DIES_OF", captions["v1"])
    else:
        (log.parent / "once").touch()
        monkeypatch.setenv("STAND_IN_DIES_ONCE", str(log.parent / "once"))
    settings = settings_of(model, frames=8)
    key = captioner.recipe(settings).key
    jobs = [pieces.Job(name, key(name), CaptionSource(name, path)) for name, path in frames.items()]
    store = pieces.Store(log.parent / "store", "caption", tables.CAPTION_PIECE)
    runtime = runtime_of(interpreter_of(log.with_name("python")))
    make = partial(captioner.SnippetCaptions, settings, runtime)
    computed = pieces.compute(jobs, make, store, runtime, together=16)

    found = {job.video_id: store.load(job.key)["caption"].to_pylist() for job in computed.done}
    left_out = {"v1"} if kills == "twice" else set()
    assert found == {n: [c] * 2 for n, c in captions.items() if n not in left_out}
    assert computed.failed.keys() == left_out
    assert all("the worker process died" in why for why in computed.failed.values())
    assert log.read_text().split().count(captions["v0"]) == 2  # what is done is not done again
    assert not (log.parent / "once").exists()
    assert all_swept(log)


def all_swept(log: Log) -> bool:
    """Whether what a killed owner left goes when the next folder is made; its end may take long."""
    deadline = time.monotonic() + 10
    while folders(log) and time.monotonic() < deadline:
        Exchange("internvideo-").remove()
        time.sleep(0.05)
    return folders(log) == []


def test_what_it_answers_late_to_nobody_is_no_trouble(
    model: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_TAKES", "0.2")
    built = stand_in(model, log)
    first = video_of("a", [1, 2, 3, 4, 5, 6])
    abandoned = built([first, first])
    assert next(abandoned) == (0, expected(first))
    abandoned.close()
    other = video_of("b", [7, 8])
    assert list(built([other])) == [(0, expected(other))]
    built.worker.end()


def test_an_answer_that_is_not_there_costs_its_video(
    model: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_IS_MUTE", "yes")
    built = stand_in(model, log)
    ((_, found),) = built([video_of("a", [1])])
    assert "the answer 0.json cannot be read" in str(found)
    built.worker.end()


def test_a_disk_that_is_full_is_no_video_s_fault(
    model: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = stand_in(model, log)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(internvideo, "pack", full)
    with pytest.raises(FatalError, match="the disk is full; make room"):
        list(built([video_of("a", [1])]))
    built.worker.end()
    deadline = time.monotonic() + 30
    while built.worker.ended is None and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(SpoiledError):  # not the disk's then
        list(built([video_of("a", [1])]))


def test_a_captioner_that_nobody_holds_ends_its_process_and_folder(model: Path, log: Log) -> None:
    built = stand_in(model, log)
    process = built.worker.process
    assert len(folders(log)) == 1
    del built
    assert process.wait(timeout=10) < 0
    assert folders(log) == []


PROGRAM = """
import json, sys
from tests.encoders.captioners.remote_worker import runtime_of, settings_of
from pipeline.encoders.captioners.internvideo import other_interpreter
from pipeline.encoders.captioners.internvideo import InternVideoCaptioner

def tell(self):
    print(json.dumps({"pid": self.process.pid, "folder": str(self.exchange.folder)}), flush=True)
    return wait(self)

wait = other_interpreter.OtherInterpreter.wait_until_ready
other_interpreter.OtherInterpreter.wait_until_ready = tell
InternVideoCaptioner(settings_of(sys.argv[1]), runtime_of(sys.argv[2]))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def parent(model: Path, log: Log) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(model), interpreter()],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        yield started
        started.kill()


def test_it_ends_with_a_parent_that_is_killed_and_its_folder_goes_with_the_next(
    parent: subprocess.Popen[str], log: Log
) -> None:
    assert parent.stdout is not None
    told = json.loads(parent.stdout.readline())
    while "libtorch" not in Path(f"/proc/{told['pid']}/maps").read_text():
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    stat = Path(f"/proc/{told['pid']}/stat")
    while stat.exists() and " Z " not in stat.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not stat.exists() or " Z " in stat.read_text()
    Exchange("other-").remove()
    assert folders(log) == [Path(told["folder"])]
    assert all_swept(log)


def test_a_folder_in_use_stays(log: Log) -> None:
    first, second = Exchange("internvideo-"), Exchange("internvideo-")
    assert sorted(folders(log)) == sorted([first.folder, second.folder])
    with (first.folder / "lock").open("rb") as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    first.remove()
    assert folders(log) == [second.folder]
    second.remove()
