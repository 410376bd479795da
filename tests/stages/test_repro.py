"""A tiny dataset through the whole graph, in a temporary clone."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline import checkpoint, tables
from stages.layout import Layout
from tests.imports import ROOT
from tests.params import write_params
from tests.videos import write_video

TABLES = ("clip", "captions", "text")
SLOW = 600
TINY = {"seed": 0, "min_seconds": 1.5, "mean_seconds": 2.0, "max_seconds": 3.0, "max_height": 120}


def clone(folder: Path) -> Path:
    """The files that git tracks or would track, as a new repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def run(folder: Path, *command: str) -> str:
    """Run a command with this test's interpreter; its output, or a failure that shows it."""
    bin_folder = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SLOW,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = clone(tmp_path_factory.mktemp("clone"))
    write_params(
        folder / "params.yaml",
        generated={
            "demo": TINY | {"n_train": 9, "n_test": 4, "categories": ["Fire", "Panic"]},
            "demo_night": TINY | {"n_train": 2, "n_test": 2, "categories": ["Fire"]},
        },
        sources={"demo": {"adapter": "ucf_crime", "categories": ["Fire", "Panic"]}},
        seeds=[0],
        train={"epochs": 2},
        runtime={"workers": 1, "max_failed_share": 0.5},
    )
    run(folder, "dvc", "repro")
    return folder


@pytest.fixture
def inside(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(repository)
    return repository


DEMO = Layout("demo")


def test_the_whole_way_leaves_every_table_and_result(inside: Path) -> None:
    manifest = tables.read(DEMO.manifest, tables.MANIFEST).to_pylist()
    assert len(manifest) == 13
    usable = [row["video_id"] for row in manifest if DEMO.frames_of(row["video_id"]).exists()]
    assert len(usable) == 11  # two are broken on purpose
    assert sum(row["status"] != "ok" for row in manifest) >= 1
    for name, schema in (("captions", tables.CAPTIONS), ("clip", None), ("text", None)):
        table = tables.read(DEMO.table(name), schema)
        assert table["video_id"].to_pylist() == [v for v in usable for _ in range(32)]
    metrics = json.loads(DEMO.metrics.read_text())
    assert 0 <= metrics["refinevad"]["last"]["frame_auc"]["mean"] <= 1
    assert metrics["data"]["left_out"] == 2
    scores = tables.read(DEMO.scores, tables.SCORES)
    assert scores.num_rows == 2 * 2 * 4 * 32  # heads, checkpoints, videos, snippets
    head, _ = checkpoint.load(DEMO.model("refinevad", 0), "last")
    assert head.training is False
    assert "<svg" in DEMO.report.read_text()


def test_a_second_run_does_nothing(inside: Path) -> None:
    lock = Path("dvc.lock").read_bytes()
    out = run(inside, "dvc", "repro")
    assert "Data and pipelines are up to date" in out
    assert "Running stage" not in out
    assert Path("dvc.lock").read_bytes() == lock


def test_tables_do_not_depend_on_the_number_of_workers(inside: Path, tmp_path: Path) -> None:
    before = {name: DEMO.table(name).read_bytes() for name in TABLES}
    frames = {path.name: path.read_bytes() for path in DEMO.frames.iterdir()}
    copy = tmp_path / "copy"
    shutil.copytree(inside, copy, symlinks=True, ignore=shutil.ignore_patterns(".dvc", ".pieces"))
    shutil.rmtree(copy / "data/demo/frames")
    for name in TABLES:  # else they would refill the store
        (copy / DEMO.table(name)).unlink()
    write_params(copy / "params.yaml", runtime={"workers": 2})
    for stage in ("decode", "clip", "caption", "text"):
        assert "0 reused" in run(copy, sys.executable, "-m", f"stages.{stage}", "demo")
    for name, content in before.items():
        assert (copy / DEMO.table(name)).read_bytes() == content, name
    assert {path.name: path.read_bytes() for path in (copy / DEMO.frames).iterdir()} == frames


def test_a_killed_stage_resumes(inside: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(inside, copy, symlinks=True, ignore=shutil.ignore_patterns(".dvc", ".pieces"))
    out, store = copy / DEMO.table("captions"), copy / "data/.pieces/caption"
    whole = out.read_bytes()
    out.unlink()
    stage = [sys.executable, "-m", "stages.caption", "demo"]
    process = subprocess.Popen(stage, cwd=copy, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + SLOW
    while not list(store.rglob("*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    time.sleep(1)  # the orphaned worker notices and leaves
    kept = len([path for path in store.rglob("*.parquet") if not path.name.startswith(".")])
    assert 1 <= kept < 11
    said = run(copy, *stage)
    assert f"{11 - kept} computed, {kept} reused, 0 left out" in said
    assert out.read_bytes() == whole
    assert not list(store.rglob("*.tmp"))


def test_one_more_video_computes_one_video(inside: Path, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    names = [f"v{i}" for i in range(4)]
    rows = ["path,split,categories"]
    for i, name in enumerate(names):
        write_video(raw / f"{name}.mp4", 40 + i, seed=i)
        rows.append(f"{name}.mp4,{'test' if i < 2 else 'train'},{'Fall' if i % 2 else ''}")
    (raw / "videos.csv").write_text("\n".join(rows[:-1]) + "\n")
    copy = tmp_path / "copy"
    shutil.copytree(inside, copy, symlinks=True, ignore=shutil.ignore_patterns("demo", ".pieces"))
    (copy / "data/own").mkdir()
    (copy / "data/own/raw").symlink_to(raw)
    write_params(copy / "params.yaml", datasets=["own"])
    first = run(copy, "dvc", "repro", "clip", "text")
    assert first.count("3 computed, 0 reused, 0 left out") == 5  # manifest to text
    (raw / "videos.csv").write_text("\n".join(rows) + "\n")
    second = run(copy, "dvc", "repro", "clip", "text")
    assert second.count("1 computed, 3 reused, 0 left out") == 5


def test_an_error_is_a_message_not_a_traceback(inside: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(inside, copy, symlinks=True, ignore=shutil.ignore_patterns("data", ".dvc"))
    done = subprocess.run(
        [sys.executable, "-m", "stages.manifest", "ucf_crime"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "data/ucf_crime/raw is not a folder" in done.stderr
