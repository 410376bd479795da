"""The stages `caption` and `text` with each backend, as a user runs them."""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline import tables
from stages import caption, text
from tests.encoders.captioners.remote_model import tiny_chat
from tests.encoders.captioners.serving import Running, serving
from tests.encoders.captioners.tiny_vlm import tiny_internvl
from tests.imports import ROOT
from tests.stages.killing import Run, Watched
from tests.stages.small_dataset import (
    OWN,
    STORE,
    attempt,
    counts,
    digests,
    run,
    settings,
    write_videos,
)
from tests.stages.small_graph import repro, write_graph

VIDEOS = {"a": 1, "b": 2, "c": 3}
SNIPPETS, FRAMES = 4, 4
SECOND = ROOT / ".venv-internvideo" / "bin" / "python"  # has the transformers of its model
BACKENDS = ("rules", "file", "transformers", "endpoint", "internvideo")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model for each backend that needs one."""
    folder = tmp_path_factory.mktemp("models")
    tiny_internvl(folder / "native")
    tiny_chat(folder / "remote")
    return folder


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with serving("--plain") as running:
        yield running


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos with their frames, in a repository."""
    folder = tmp_path_factory.mktemp("base")
    settings(folder, decode={"snippets": SNIPPETS, "frames_per_snippet": FRAMES})
    write_videos(folder / OWN.raw, VIDEOS)
    rows = [
        {"video_id": name, "snippet": snippet, "caption": f"a person in video {name}, {snippet}"}
        for name in [*VIDEOS, "d"]
        for snippet in range(SNIPPETS)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / OWN.raw / "captions.jsonl").write_text(lines)
    write_graph(folder)
    repro(folder, "decode")
    return folder


@pytest.fixture
def folder(base: Path, tmp_path: Path) -> Path:
    shutil.copytree(base, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


def choose(folder: Path, backend: str, models: Path, server: Running, **more: Any) -> None:
    """Name a backend in `params.yaml`, and where it runs."""
    small = {"frames": FRAMES, "max_new_tokens": 6}
    chosen: dict[str, dict[str, Any]] = {
        "rules": {},
        "file": {"path": "captions.jsonl", "made_by": "the author of this test"},
        "transformers": {"model": str(models / "native"), "precision": "fp32", **small},
        "endpoint": {"model": "tiny", "revision": "1", **small},
        "internvideo": {
            "model": str(models / "remote"),
            "precision": "fp32",
            "trust_remote_code": True,
            **small,
        },
    }
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    params["caption"] = {"backend": backend, **chosen[backend], **more}
    params["runtime"]["timeout_s"] = 120.0
    params["runtime"]["captions"] |= {
        "url": server.url,
        "request_timeout_s": 20.0,
        "internvideo_python": str(SECOND),
    }
    yaml.dump(params, folder / "params.yaml")


def captions(folder: Path) -> dict[str, list[str]]:
    found = tables.read(folder / OWN.table("captions"), tables.CAPTIONS).to_pandas()
    return found.groupby("video_id")["caption"].agg(list).to_dict()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backend_captions_every_snippet_once(
    folder: Path,
    models: Path,
    server: Running,
    backend: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if backend == "internvideo" and not SECOND.exists():
        pytest.skip(f"no {SECOND}; `make internvideo` makes it")
    choose(folder, backend, models, server)
    monkeypatch.chdir(folder)
    assert counts(caption.main("own")) == (3, 0, 0)
    found = captions(folder)
    assert {name: len(own) for name, own in found.items()} == dict.fromkeys(VIDEOS, SNIPPETS)
    if backend == "file":
        assert found["b"][2] == "a person in video b, 2"
    summary = json.loads((folder / OWN.caption_summary).read_text())
    assert summary["captions"] == 3 * SNIPPETS
    said = text.main("own")
    assert counts(said) == (3, 0, 0)
    assert f"of {3 * SNIPPETS} captions" in said
    assert counts(caption.main("own")) == (0, 3, 0)


def test_another_prompt_recomputes_captions_and_text_and_nothing_before_them(
    folder: Path, models: Path, server: Running
) -> None:
    choose(folder, "endpoint", models, server)
    repro(folder, "text")
    repro(folder, "clip")
    before = digests(folder / OWN.folder)
    choose(folder, "endpoint", models, server, prompt="What burns?")
    said = repro(folder, "text")
    assert "Stage 'manifest@own' didn't change, skipping" in said
    assert "Stage 'decode@own' didn't change, skipping" in said
    for stage in ("caption", "text"):
        part = said[said.index(f"Running stage '{stage}@own'") :]
        assert "3 computed, 0 reused, 0 left out" in part
    assert "Stage 'clip@own' didn't change, skipping" in repro(folder, "clip")
    after = digests(folder / OWN.folder)
    changed = {name for name in after if before.get(name) != after[name]}
    assert {"captions.parquet", "text.parquet"} <= changed
    assert changed <= {"captions.parquet", "captions.json", "text.parquet"}
    choose(folder, "endpoint", models, server)  # back again
    assert not re.search(r"[1-9]\d* computed", repro(folder, "text"))
    assert digests(folder / OWN.folder) == before


@pytest.mark.parametrize("backend", ["file", "endpoint"])
def test_one_more_video_captions_one_video(
    folder: Path, models: Path, server: Running, backend: str
) -> None:
    choose(folder, backend, models, server)
    run(folder, "caption")
    write_videos(folder / OWN.raw, VIDEOS | {"d": 4})
    for stage in ("manifest", "decode", "caption"):
        assert counts(run(folder, stage)) == (1, 3, 0)
    assert set(captions(folder)) == {*VIDEOS, "d"}


def test_a_kill_in_the_middle_of_captioning_resumes(
    folder: Path, models: Path, server: Running, tmp_path: Path
) -> None:
    write_videos(folder / OWN.raw, VIDEOS | {"d": 4, "e": 5, "f": 6})
    run(folder, "manifest")
    run(folder, "decode")
    choose(folder, "endpoint", models, server)
    server.trouble(slow_s=0.4)
    watched = Watched(tmp_path / "log")
    command = [sys.executable, "-m", "stages.caption", "own"]
    running = Run.start(folder, command, watched)
    assert running.wait_until(lambda: list((folder / STORE).glob("caption/*/*.parquet")))
    assert running.process.poll() is None
    running.process.kill()
    running.end()
    server.trouble()
    asked = sum(server.times_asked().values())
    computed, reused, left_out = counts(run(folder, "caption"))
    assert reused >= 1
    assert computed + reused == 6
    assert left_out == 0
    assert sum(server.times_asked().values()) - asked == computed * SNIPPETS


def test_captions_of_two_backends_are_not_mixed(
    folder: Path, models: Path, server: Running
) -> None:
    choose(folder, "rules", models, server)
    run(folder, "caption")
    choose(folder, "endpoint", models, server)
    refused = attempt(folder, "text")
    assert refused.returncode == 1
    assert (
        "error: data/own/captions.parquet was not made by what params.yaml says" in refused.stdout
    )
    assert '  caption.backend: "rules" there, "endpoint" here' in refused.stdout
    assert "`dvc repro -s -f caption@own`" in refused.stdout
    assert "Traceback" not in refused.stdout
