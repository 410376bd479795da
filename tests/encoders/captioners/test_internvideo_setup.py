"""What `internvideo` says when it cannot be set up, and what identifies its captions."""

import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.encoders.captioners.captioner import recipe
from pipeline.encoders.captioners.internvideo import InternVideoCaptioner
from pipeline.encoders.captioners.internvideo import captioner as internvideo
from pipeline.errors import UserError
from tests.encoders.captioners.remote_model import tiny_chat
from tests.encoders.captioners.remote_worker import runtime_of, settings_of
from tests.encoders.captioners.stand_in import interpreter_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_chat(tmp_path_factory.mktemp("models") / "tiny")


def program(path: Path, lines: str) -> str:
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def refusal(model: Path | str, python: str) -> str:
    with pytest.raises(UserError) as caught:
        InternVideoCaptioner(settings_of(model), runtime_of(python))
    return str(caught.value)


def test_an_interpreter_that_is_not_there(model: Path) -> None:
    told = refusal(model, "/nowhere/python")
    assert "runtime.captions.internvideo_python: /nowhere/python cannot be started" in told
    assert "`make internvideo`" in told


def test_an_interpreter_with_another_transformers(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(internvideo, "FIT", ("4.40", "4.50"))
    told = refusal(model, sys.executable)  # the project's own
    assert "works from 4.40 to below 4.50" in told
    assert "`make internvideo`" in told
    monkeypatch.setattr(internvideo, "FIT", ("99.0", "99.9"))
    assert "works from 99.0" in refusal(model, sys.executable)


def test_an_interpreter_without_transformers(model: Path, tmp_path: Path) -> None:
    bare = program(tmp_path / "python", f'exec "{sys.executable}" -S "$@"')  # no site-packages
    assert "transformers is not installed" in refusal(model, bare)


def test_a_program_that_is_no_interpreter(model: Path, tmp_path: Path) -> None:
    told = refusal(model, program(tmp_path / "ends", "echo why >&2; echo no luck >&2; exit 3"))
    assert "ended before it was ready" in told
    assert "(exit code 3); it said last: no luck" in told.splitlines()[0]
    assert told.splitlines()[1] == "why"
    talks = program(tmp_path / "talks", "echo hello; sleep 60")
    assert "should say that it is ready, and said hello" in refusal(model, talks)
    assert "said 3" in refusal(model, program(tmp_path / "json", "echo 3; sleep 60"))


@pytest.mark.parametrize(("gpu", "device"), [(True, "cuda"), (False, "cpu")])
def test_the_device_is_that_which_the_engine_counts_workers_by(
    gpu: bool, device: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)
    monkeypatch.setenv("STAND_IN_LOG", str(tmp_path / "log"))
    runtime = runtime_of(interpreter_of(tmp_path / "python"))
    either = runtime.model_copy(update={"device": "auto"})
    built = InternVideoCaptioner(settings_of(model), either)
    assert built.described["device"] == device
    built.worker.end()


def test_nothing_is_left_behind(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    refusal(model, "/nowhere/python")
    refusal(model, program(tmp_path / "ends", "exit 3"))
    assert list(tmp_path.iterdir()) == [tmp_path / "ends"]


def test_code_is_trusted_only_when_the_user_says_so(model: Path) -> None:
    with pytest.raises(ValidationError, match="trust_remote_code: this backend runs"):
        settings_of(model, trust_remote_code=False)


def test_code_of_the_hub_is_run_only_at_a_commit() -> None:
    assert "needs a `revision`" in refusal("owner/name", sys.executable)
    with pytest.raises(UserError, match="needs a `revision`"):
        recipe(settings_of("owner/name"))


@pytest.mark.parametrize(
    "change",
    [
        {"model": "owner/other"},
        {"revision": COMMIT[::-1]},
        {"prompt": "another"},
        {"frames": 8},
        {"max_new_tokens": 3},
        {"repetition_penalty": 1.1},
        {"precision": "bf16"},
    ],
)
def test_what_changes_captions_changes_their_key(change: dict[str, Any]) -> None:
    before = settings_of("owner/name", revision=COMMIT)
    after = before.model_copy(update=change)
    assert recipe(before).key("frames") != recipe(after).key("frames")
    assert recipe(before).key("frames") == recipe(before.model_copy()).key("frames")


def test_a_folder_counts_by_its_content(model: Path, tmp_path: Path) -> None:
    key = recipe(settings_of(model)).key("frames")
    other = tiny_chat(tmp_path / "copy")
    assert recipe(settings_of(other)).key("frames") == key
    (other / "modeling_tiny.py").write_text("")
    assert recipe(settings_of(other)).key("frames") != key
