"""The file that says where a run stands: what is used of it, and how often it is written."""

import os
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline import code_digest, unfinished
from pipeline.atomic import atomic_path
from pipeline.training import Progress, fit, weights_of
from pipeline.training import progress as module
from tests.models.toy import make, same, toy_videos
from tests.training.killed import KEY, SIX
from tests.training.runs import CPU, DROPPING, SHORT, trained

STATE = {"epoch": 2, "head": {"weight": torch.arange(100.0)}, "best": float("-inf")}


def saved(path: Path) -> Progress:
    progress = Progress(path, KEY, every_s=0)
    progress.save(STATE)
    return progress


def flip(position: int) -> Callable[[bytes], bytes]:
    def damage(whole: bytes) -> bytes:
        at = position % len(whole)
        return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]

    return damage


def foreign(_: bytes) -> bytes:
    return b"PK\x03\x04 another program's file"


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "cut short": lambda whole: whole[: len(whole) // 2],
    "its last byte lost": lambda whole: whole[:-1],
    "longer": lambda whole: whole + b"\0",
    "zeros": lambda whole: bytes(len(whole)),
    "foreign": foreign,
    **{f"a bit flipped at {at}": flip(at) for at in (0, 31, 32, 40, 500, 700, 900, -200, -1)},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_no_progress(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    progress = saved(tmp_path / "progress.pt")
    progress.path.write_bytes(damage(progress.path.read_bytes()))
    assert progress.load() is None


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    loaded = saved(tmp_path / "progress.pt").load()
    assert loaded is not None
    assert loaded["epoch"] == 2
    assert loaded["best"] == float("-inf")
    assert loaded["head"]["weight"].equal(torch.arange(100.0))


def test_another_run_s_file_is_no_progress(tmp_path: Path) -> None:
    saved(tmp_path / "progress.pt")
    assert Progress(tmp_path / "progress.pt", "another run").load() is None


def test_no_file_or_none_that_can_be_read_is_no_progress(tmp_path: Path) -> None:
    assert Progress(tmp_path / "absent.pt", KEY).load() is None
    assert Progress(tmp_path, KEY).load() is None  # a folder


def test_training_starts_over_from_a_damaged_or_foreign_file(tmp_path: Path) -> None:
    videos, path = toy_videos(40, seed=1), tmp_path / "progress.pt"
    for key, damage in ((KEY, flip(5000)), ("another run", lambda whole: whole)):
        weights = []
        for _ in range(2):
            head = make(DROPPING)
            progress = Progress(path, KEY, every_s=0)
            fit(
                head, videos.features, videos.targets, SHORT,
                seed=0, device=CPU, progress=progress,
            )  # fmt: skip
            weights.append(weights_of(head))
            Progress(path, key, every_s=0).save({**(progress.load() or {}), "key": key})
            path.write_bytes(damage(path.read_bytes()))
        assert same(*weights)
        assert same(weights[0], trained(DROPPING))


def test_writes_are_bounded_by_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However short an epoch, at most one write in `every_s` seconds."""
    now = [1000.0]
    written: list[float] = []
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    plain = torch.save

    def save(*arguments: Any) -> None:
        written.append(now[0])
        plain(*arguments)

    monkeypatch.setattr(torch, "save", save)
    progress = Progress(tmp_path / "progress.pt", KEY, every_s=10)
    for _ in range(200):
        now[0] += 0.6
        progress.save(STATE)
    assert len(written) == pytest.approx(120 / 10, abs=1)
    gaps = [later - sooner for sooner, later in pairwise(written)]
    assert min(gaps) >= 10
    assert written[0] >= 1010  # a run that is over sooner writes nothing


def test_a_short_run_writes_nothing(tmp_path: Path) -> None:
    videos, progress = toy_videos(40, seed=1), Progress(tmp_path / "progress.pt", KEY)
    fit(
        make(DROPPING), videos.features, videos.targets, SIX,
        seed=0, device=CPU, progress=progress,
    )  # fmt: skip
    assert not progress.path.exists()


@pytest.mark.parametrize("changed", ["settings", "device", "torch", "code"])
def test_the_name_tells_runs_apart(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Progress.of(tmp_path, ["settings", 0], CPU)
    assert Progress.of(tmp_path, ["settings", 0], CPU).path == one.path
    if changed == "torch":
        monkeypatch.setattr(torch, "__version__", "0.0")
    if changed == "code":
        monkeypatch.setattr(code_digest, "of_training", lambda: "edited")
    device = torch.device("meta") if changed == "device" else CPU
    other = Progress.of(tmp_path, ["settings", int(changed == "settings")], device)
    assert other.path != one.path
    assert other.key != one.key


def test_remove_leaves_nothing(tmp_path: Path) -> None:
    progress = saved(tmp_path / "progress.pt")
    progress.remove()
    progress.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_left_half_written_is_swept(tmp_path: Path) -> None:
    folder = tmp_path / unfinished.FOLDER
    ended = subprocess.Popen(["true"])
    ended.wait()
    with atomic_path(folder / "alive.pt") as alive:
        alive.write_bytes(b"half")
        dead = alive.with_name(alive.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-"))
        dead.write_bytes(b"half")
        Progress.of(tmp_path, [], CPU)
        assert list(folder.iterdir()) == [alive]
