"""A dataset of tiny videos in a folder of its own, and the stages' programs as a user runs them."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.digests import sha256_of
from stages.layout import Layout
from tests.imports import ROOT
from tests.params import write_params
from tests.videos import write_video

OWN = Layout("own")
STORE = Path("data/.pieces")
PER_VIDEO = ("decode", "clip", "caption", "text")
SLOW = 300  # seconds after which a program is taken to hang
# Compiled modules are shared by all programs of a test run, without a trace in the repository.
COMPILED = tempfile.TemporaryDirectory(prefix="compiled")


def write_videos(raw: Path, videos: Mapping[str, int], *, size: tuple[int, int] = (64, 48)) -> None:
    """A video of each name that is not there, made from its seed, and the table that lists all."""
    for name, seed in videos.items():
        if not (raw / f"{name}.mp4").exists():
            write_video(raw / f"{name}.mp4", 40 + seed, seed=seed, size=size)
    list_videos(raw, videos)


def list_videos(raw: Path, names: Mapping[str, int] | list[str]) -> None:
    """Write `videos.csv`: every third video is a test video, every second abnormal."""
    rows = [
        f"{name}.mp4,{'train' if i % 3 else 'test'},{'Fall' if i % 2 else ''}"
        for i, name in enumerate(names)
    ]
    (raw / "videos.csv").write_text("\n".join(["path,split,categories", *rows]) + "\n")


def settings(folder: Path, **sections: Any) -> None:
    """Write `params.yaml` for the dataset `own`: one that no failing video stops."""
    runtime = {"workers": 2, "device": "cpu", "timeout_s": 30.0, "max_failed_share": 1.0}
    runtime |= sections.pop("runtime", {})
    write_params(folder / "params.yaml", datasets=["own"], runtime=runtime, **sections)


def environment(**more: str) -> dict[str, str]:
    """Where the programs find this repository's code and this test's interpreter."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ours = {"PATH": programs, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": COMPILED.name}
    return kept | ours | more


def attempt(folder: Path, stage: str, dataset: str = "own") -> subprocess.CompletedProcess[str]:
    """Run a stage's program in `folder`, whatever comes of it; its output in `stdout`."""
    return subprocess.run(
        [sys.executable, "-m", f"stages.{stage}", dataset],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SLOW,
        check=False,
    )


def run(folder: Path, stage: str, dataset: str = "own") -> str:
    """The output of a stage's program, which must succeed."""
    done = attempt(folder, stage, dataset)
    assert done.returncode == 0, done.stdout
    return done.stdout


def counts(said: str) -> tuple[int, int, int]:
    """How many pieces were computed, reused and left out, as a program said."""
    found = re.findall(r"(\d+) computed, (\d+) reused, (\d+) left out", said)
    assert len(found) == 1, said
    computed, reused, left_out = map(int, found[0])
    return computed, reused, left_out


def digests(folder: Path) -> dict[str, str]:
    """The digest of every file below `folder` but hidden ones, by its name relative to it."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."]
    return {str(path.relative_to(folder)): sha256_of(path) for path in sorted(paths)}


def leftovers(folder: Path) -> list[Path]:
    """Hidden and temporary files below `folder` that no whole run leaves; a lock file stays."""
    found = [path for path in folder.rglob("*") if path.name[0] == "." or path.suffix == ".tmp"]
    return [path for path in found if path.name != ".lock"]
