"""Stages killed outright at thirty random moments: nothing is lost, twice computed, left behind."""

import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stages.killing import KILLS, Run, Watched
from tests.stages.small_dataset import (
    OWN,
    STORE,
    counts,
    digests,
    leftovers,
    run,
    settings,
    write_videos,
)
from tests.stages.test_repro import clone
from tests.stages.test_repro import run as run_command

N_VIDEOS = 18
WORKERS = 2
SEED = int(os.environ.get("KILL_SEED", "4"))  # another one: KILL_SEED=5 pytest tests/stages/...


@dataclass
class Stage:
    """A stage, the command that runs it, and its output in a run that nobody disturbed."""

    folder: Path
    name: str
    output: Path
    command: list[str]
    whole: dict[str, str]
    seconds: float

    def outputs(self) -> dict[str, str]:
        """What the stage has written, the table of videos left out included."""
        written = digests(self.folder / OWN.folder)
        own = (str(self.output.relative_to(OWN.folder)), f"skipped/{self.name}.parquet")
        return {name: digest for name, digest in written.items() if name.startswith(own)}

    def pieces(self) -> set[Path]:
        """Its pieces in the store."""
        return set((self.folder / STORE / self.name).glob("*/[!.]*.parquet"))

    def forget(self) -> None:
        """Remove the stage's output and pieces, and what could be had from DVC's cache."""
        shutil.rmtree(self.folder / ".dvc/cache", ignore_errors=True)
        shutil.rmtree(self.folder / STORE / self.name, ignore_errors=True)
        for name in self.outputs():
            (self.folder / OWN.folder / name).unlink()


def measured(folder: Path, name: str, output: Path, command: list[str], scratch: Path) -> Stage:
    """The stage after an undisturbed run, forgotten again."""
    stage = Stage(folder, name, output, command, {}, 0.0)
    stage.forget()
    begun = time.monotonic()
    watched = Watched(scratch / "undisturbed.log")
    said = Run.start(folder, command, watched).end()
    assert counts(said) == (N_VIDEOS, 0, 0)
    assert len(watched.written()) == len(watched.lines("piece")) == N_VIDEOS
    stage.whole, stage.seconds = stage.outputs(), time.monotonic() - begun
    assert stage.whole
    stage.forget()
    return stage


def kill_often(
    stage: Stage, plan: list[tuple[str, str]], rng: random.Random, scratch: Path
) -> None:
    """Run the stage and kill it, again and again; begin anew whenever it came to its end."""
    done, rounds = 0, 0
    watched = Watched(scratch / "0.log")
    since: list[tuple[str, str]] = []  # kills since the stage was begun anew
    while done < len(plan) or since:
        assert rounds <= 3 * len(plan), f"the run is over before {plan[done]} can come"
        there = len(stage.pieces())
        running = Run.start(stage.folder, stage.command, watched)
        if done < len(plan):
            victim, moment = plan[done]
            if come(moment, running, stage, rng) and running.kill(victim, rng):
                running.end()
                since.append(plan[done])
                done += 1
                continue
        said = running.end()
        where = f"seed {SEED}, {stage.name}, kills {since}:\n{said}"
        assert counts(said) == (N_VIDEOS - there, there, 0), where
        check_whole(stage, watched, len(since), where)
        stage.forget()
        rounds, since = rounds + 1, []
        watched = Watched(scratch / f"{rounds}.log")


def come(moment: str, running: Run, stage: Stage, rng: random.Random) -> bool:
    """Wait for a random moment of that kind; whether the run is still there then."""
    out = stage.folder / stage.output
    pause = rng.uniform(0, stage.seconds)
    if moment == "after a piece":
        before = stage.pieces()
        if not running.wait_until(lambda: stage.pieces() - before):
            return False
        pause = rng.uniform(0, 0.2)
    elif moment == "at the output":
        folder = out if out.is_dir() else out.parent
        before_at = changed_at(folder)
        if not running.wait_until(lambda: changed_at(folder) not in (None, before_at)):
            return False
        pause = rng.uniform(0, 0.03)
    until = time.monotonic() + pause
    return running.wait_until(lambda: time.monotonic() > until)


def changed_at(folder: Path) -> int | None:
    """When a folder was last changed, in nanoseconds; DVC removes it before it runs the stage."""
    try:
        return folder.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def check_whole(stage: Stage, watched: Watched, kills: int, where: str) -> None:
    """The output is that of an undisturbed run, and no more was computed than was in flight."""
    assert stage.outputs() == stage.whole, where
    assert not watched.rewritten(), where
    assert len(watched.written()) == N_VIDEOS, where
    begun = watched.begun()
    if begun:  # a stage that reads videos
        assert len(begun) == N_VIDEOS, where
        assert begun.total() <= N_VIDEOS + WORKERS * kills, where
    assert not leftovers(stage.folder / OWN.folder), where
    assert not leftovers(stage.folder / STORE), where


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset with its manifest and frames."""
    folder = tmp_path_factory.mktemp("killed")
    prepare(folder)
    run(folder, "manifest")
    return folder


def prepare(folder: Path) -> None:
    settings(folder, runtime={"workers": WORKERS})
    videos = {f"v{i:02}": i for i in range(N_VIDEOS)}
    write_videos(folder / OWN.raw, videos, size=(160, 120))


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> Iterator[random.Random]:
    print(f"KILL_SEED={SEED}")
    yield random.Random(f"{SEED} {request.node.name}")


def program(stage: str) -> list[str]:
    return [sys.executable, "-m", f"stages.{stage}", OWN.name]


def test_decode_survives_kills(folder: Path, tmp_path: Path, rng: random.Random) -> None:
    stage = measured(folder, "decode", OWN.frames, program("decode"), tmp_path)
    plan = [*KILLS, *rng.sample(KILLS, 4)]
    kill_often(stage, rng.sample(plan, len(plan)), rng, tmp_path)


def test_clip_survives_kills(folder: Path, tmp_path: Path, rng: random.Random) -> None:
    run(folder, "decode")
    stage = measured(folder, "clip", OWN.table("clip"), program("clip"), tmp_path)
    kill_often(stage, rng.sample(KILLS, 6), rng, tmp_path)


def test_decode_under_dvc_survives_kills(tmp_path: Path, rng: random.Random) -> None:
    repository = clone(tmp_path / "clone")
    prepare(repository)
    run_command(repository, "dvc", "repro", "manifest")
    command = ["dvc", "repro", "--force", "--single-item", f"decode@{OWN.name}"]
    stage = measured(repository, "decode", OWN.frames, command, tmp_path)
    kill_often(stage, rng.sample(KILLS, len(KILLS)), rng, tmp_path)


def test_a_worker_killed_once_costs_no_video(
    folder: Path, tmp_path: Path, rng: random.Random
) -> None:
    stage = measured(folder, "decode", OWN.frames, program("decode"), tmp_path)
    running = Run.start(folder, stage.command, Watched(tmp_path / "killed.log"))
    assert come("after a piece", running, stage, rng)
    assert running.kill("worker", rng)
    assert counts(running.end()) == (N_VIDEOS, 0, 0)
    assert stage.outputs() == stage.whole
