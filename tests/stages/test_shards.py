"""Several processes that share a stage's videos and a work store."""

import argparse
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.shards import Shard
from tests.imports import ROOT
from tests.stages.small_dataset import (
    counts,
    digests,
    run,
    settings,
    write_videos,
)
from tests.stages.small_graph import repro, said, start, write_graph

N_VIDEOS = 7
CONTENT = {f"v{number}": number for number in range(N_VIDEOS)} | {"v1": 0}  # v1 has v0's content


@given(st.integers(1, 40), st.text())
def test_everything_is_of_one_shard(count: int, name: str) -> None:
    shards = [Shard.parse(f"{number}/{count}") for number in range(1, count + 1)]
    assert sum(shard.holds(name) for shard in shards) == 1


def test_shards_are_even() -> None:
    sizes = [sum(Shard(i, 16).holds(f"{n:064x}") for n in range(16_000)) for i in range(1, 17)]
    assert sum(sizes) == 16_000
    assert max(abs(size - 1000) for size in sizes) < 5 * 1000**0.5


@pytest.mark.parametrize("text", ["0/4", "5/4", "4", "1/0", "-1/4", "1/4/2", "a/b", "1/4 "])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="as in 3/16"):
        Shard.parse(text)


def race(folder: Path, name: str, *shards: str) -> list[str]:
    """Run a stage's shards at the same time; what each printed."""
    command = [sys.executable, "-m", f"stages.{name}", "own", "--shard"]
    return [said(process) for process in [start(folder, *command, shard) for shard in shards]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset built without shards."""
    folder = tmp_path_factory.mktemp("whole")
    settings(folder, runtime={"workers": 1, "max_failed_share": 0.1})
    write_videos(folder / "data/own/raw", CONTENT)
    for name in ("manifest", "decode", "clip"):
        run(folder, name)
    return folder


def copy(whole: Path, folder: Path, *without: str) -> Path:
    return Path(shutil.copytree(whole, folder, ignore=shutil.ignore_patterns(*without)))


def test_shards_race_then_dvc_computes_nothing(whole: Path, tmp_path: Path) -> None:
    folder = copy(whole, tmp_path / "copy", ".pieces", "frames", "skipped", "*.parquet", "*.json")
    write_graph(folder)
    parts = [counts(text) for text in race(folder, "manifest", "1/2", "2/2")]
    assert sum(computed + reused for computed, reused, _ in parts) == N_VIDEOS
    repro(folder, "manifest")
    for name, shards in {
        "decode": ("1/3", "2/3", "3/3", "2/3"),  # one of them twice
        "clip": ("1/2", "2/2"),
    }.items():
        before = set(digests(folder / "data/own"))
        parts = [counts(text) for text in race(folder, name, *shards)]
        once = dict(zip(shards, parts, strict=True))
        assert sum(computed + reused for computed, reused, _ in once.values()) == N_VIDEOS, parts
        assert all(sum(part) < N_VIDEOS for part in parts)
        assert set(digests(folder / "data/own")) == before  # no output yet
        assert counts(repro(folder, name)) == (0, N_VIDEOS, 0)
    assert digests(folder / "data/own") == digests(whole / "data/own")
    assert not list(folder.rglob("*.tmp"))


def test_a_shard_reports_its_failures_and_only_its_own(whole: Path, tmp_path: Path) -> None:
    folder = copy(whole, tmp_path / "copy", ".pieces", "frames")
    shutil.copy(folder / "data/own/raw/v2.mp4", folder / "data/own/raw/v3.mp4")
    command = [sys.executable, "-m", "stages.decode", "own", "--shard"]
    processes = [start(folder, *command, shard) for shard in ("1/2", "2/2")]
    texts = [said(process) for process in processes]  # status 0, though 1 of 3 is much
    good, bad = sorted(texts, key=lambda text: counts(text)[2])
    assert (counts(good)[2], counts(bad)[2]) == (0, 1)
    assert "v3: DecodeError: the file has changed" in bad
    assert "left out" not in good.replace("0 left out", "")
    assert not (folder / "data/own/frames").exists()
    judged = said(start(folder, sys.executable, "-m", "stages.decode", "own"), 1)
    assert f"decode: 1 of {N_VIDEOS} videos failed, more than" in judged


def test_a_shard_before_its_input_is_there_is_an_error(whole: Path, tmp_path: Path) -> None:
    folder = copy(whole, tmp_path / "copy", ".pieces", "frames")
    text = said(start(folder, sys.executable, "-m", "stages.clip", "own", "--shard", "1/2"), 1)
    assert "data/own/frames does not exist; `dvc repro decode@own` builds it" in text


def slurm(folder: Path, *arguments: str, status: int = 0, **variables: str) -> str:
    script = str(ROOT / "stages/slurm.sh")
    return said(start(folder, "bash", script, *arguments, **variables), status)


def test_the_slurm_script_computes_its_task_s_share(whole: Path, tmp_path: Path) -> None:
    folder = copy(whole, tmp_path / "copy", ".pieces", "frames")
    array = {"SLURM_ARRAY_TASK_COUNT": "2", "SLURM_SUBMIT_DIR": str(folder)}
    first = slurm(tmp_path, "decode", "own", SLURM_ARRAY_TASK_ID="1", **array)
    assert "shard 1/2 of decode own: " in first
    again = array | {"SLURM_ARRAY_TASK_COUNT": "1", "SHARDS": "2"}  # that task alone, later
    second = slurm(tmp_path, "decode", "own", SLURM_ARRAY_TASK_ID="2", **again)
    assert sum(sum(counts(text)) for text in (first, second)) == N_VIDEOS
    assert counts(run(folder, "decode")) == (0, N_VIDEOS, 0)


def test_the_slurm_script_says_how_it_is_called(whole: Path) -> None:
    assert "usage: sbatch --array=1-N" in slurm(whole, "decode", "own", status=2)
    numbered = {"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "4"}
    refused = slurm(whole, "decode", "own", status=2, **numbered)
    assert "I from 1 to N, as in 3/16 (a Slurm array: 1-N); found '0/4'" in refused
