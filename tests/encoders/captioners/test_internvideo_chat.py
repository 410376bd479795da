"""How the other interpreter's program asks the model; here in this interpreter, without a process.

Its files import nothing of the project, and the tiny model's code works with this transformers too.
"""

import importlib
import io
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.encoders.captioners.internvideo import captioner as internvideo
from pipeline.encoders.captioners.internvideo.captioner import pack
from pipeline.encoders.torchvision_guard import import_torchvision
from tests.encoders.captioners.remote_model import SIDE, tiny_chat
from tests.encoders.captioners.remote_worker import N_FRAMES, settings_of, video_of

IMAGE = "<img><IMG_CONTEXT><IMG_CONTEXT></img>"


@pytest.fixture(scope="module", autouse=True)
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The program's folder on the path, as when it is started, and a place for models' code."""
    import_torchvision()
    from transformers import dynamic_module_utils  # noqa: PLC0415

    with pytest.MonkeyPatch.context() as patched:
        cache = str(tmp_path_factory.mktemp("modules"))
        patched.setattr(dynamic_module_utils, "HF_MODULES_CACHE", cache)
        patched.syspath_prepend(cache)
        patched.syspath_prepend(str(internvideo.WORKER.parent))
        yield
    for name in ("chat", "worker"):
        sys.modules.pop(name, None)


def chat_of(model: Path, device: str = "cpu") -> Any:
    settings = settings_of(model).model_dump() | {"device": device}
    return importlib.import_module("chat").Chat(settings)


def snippets(number: int) -> list[Any]:
    random = np.random.default_rng(0)
    size = (number, N_FRAMES, SIDE, SIDE, 3)
    return list(random.integers(0, 256, size, dtype=np.uint8))


def test_the_query_of_a_batch_is_that_of_one_snippet_to_the_letter() -> None:
    chat = importlib.import_module("chat")
    asked = chat.question("What is <image>?", 3)
    assert asked == "Frame1: <image>\nFrame2: <image>\nFrame3: <image>\nWhat is <image>?"
    alone = asked
    for _ in range(3):  # what `chat` does with a list of three ones
        alone = alone.replace("<image>", IMAGE, 1)
    in_a_batch = chat.written_out(asked, 3, 2).replace("<image>", IMAGE, 1)
    assert in_a_batch == alone
    assert alone.endswith(f"Frame3: {IMAGE}\nWhat is <image>?")


@pytest.mark.parametrize(
    ("kind", "by"),
    [("TinyBatchChat", "batch_chat"), ("TinyChat", "chat"), ("TinyOtherBatchChat", "chat")],
)
def test_snippets_are_asked_together_only_where_that_asks_the_same(
    kind: str, by: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    chat = chat_of(tiny_chat(tmp_path / kind, kind))
    assert chat.described()["by"] == by
    told = "batch_chat asks something else than chat" in capfd.readouterr().out
    assert told == (kind == "TinyOtherBatchChat")
    together = chat.captions(snippets(3))
    assert capfd.readouterr().out.count("a batch of 3") == (by == "batch_chat")
    chat.batched = False
    assert together == chat.captions(snippets(3))
    assert len(set(together)) == 3


def test_batches_that_fail_are_not_used(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = tiny_chat(tmp_path / "fails")
    code = model / "modeling_tiny.py"
    code.write_text(code.read_text().replace('print(f"a batch of', 'raise ValueError(f"a batch of'))
    chat = chat_of(model)
    assert "batch_chat fails (a batch of 2): going on with chat" in capfd.readouterr().out
    assert len(chat.captions(snippets(2))) == 2


def test_what_fails_every_video_fails_the_set_up(tmp_path: Path) -> None:
    unfit, broken = tiny_chat(tmp_path / "unfit"), tiny_chat(tmp_path / "broken")
    code = unfit / "modeling_tiny.py"
    code.write_text(code.read_text().replace('print("0")', 'raise ValueError("unfit")'))
    with pytest.raises(ValueError, match="unfit"):
        chat_of(unfit)
    (broken / "modeling_tiny.py").write_text("raise OSError('this is broken')\n")
    with pytest.raises(RuntimeError, match=r"cannot load .*broken: OSError: .*look into that"):
        chat_of(broken)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    folder = tiny_chat(tmp_path / "part")
    weights = load_file(folder / "model.safetensors")
    del weights["seen.bias"], weights["language_model.lm_head.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    lacking = r"language_model\.lm_head\.weight, seen\.bias"
    with pytest.raises(RuntimeError, match=rf"part lacks 2 weights of TinyB.* \({lacking}.*look"):
        chat_of(folder)


def test_no_gpu_where_the_pipeline_sees_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(RuntimeError, match=r"sees none; set runtime\.device to cpu"):
        chat_of(tmp_path, device="cuda")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (torch.OutOfMemoryError("2 GiB"), "does not fit .*precision bf16.*2 GiB"),
        (torch.AcceleratorError("CUDA error: out of memory"), "does not fit .*freer device"),
        (torch.AcceleratorError("CUDA error: unspecified"), "^CUDA error: unspecified"),
    ],
)
def test_a_model_that_finds_no_room(
    raised: Exception, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise raised

    folder = tiny_chat(tmp_path / "large")
    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises((MemoryError, torch.AcceleratorError), match=told):
        chat_of(folder)


@pytest.mark.parametrize("room", [1, 2, 3, 4])
def test_out_of_memory_halves_until_it_fits(
    room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    chat = chat_of(tiny_chat(tmp_path / "room"))
    whole = chat.captions(snippets(5))
    monkeypatch.setenv("TINY_CHAT_ROOM", str(room))
    assert chat.captions(snippets(5)) == whole
    assert chat.most == min(room, 2)
    capfd.readouterr()
    assert chat.captions(snippets(5)) == whole
    assert "out of memory" not in capfd.readouterr().out  # it knows now


def test_requests_are_prepared_ahead_and_not_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = importlib.import_module("worker")
    for name in "012":
        pack(tmp_path / f"{name}.zip", video_of("v", [int(name)], N_FRAMES).images)
    monkeypatch.setattr("sys.stdin", io.StringIO("0\n1\n2\n"))
    prepared = worker.preparing(tmp_path, SIDE)
    deadline = time.monotonic() + 30
    while not prepared.full() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    assert prepared.qsize() == 1  # one lies there, one is in the thread's hands; nobody has asked
    found = [prepared.get(timeout=30) for _ in range(4)]
    assert [request and request.name for request in found] == ["0", "1", "2", None]
    assert [own.shape for own in found[1].snippets] == [(N_FRAMES, SIDE, SIDE, 3)]


def test_only_a_broken_picture_is_told_to_be_decoded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = importlib.import_module("worker")
    whole = video_of("v", [1], N_FRAMES).images[0]
    pack(tmp_path / "whole.zip", [whole])
    pack(tmp_path / "cut.zip", [[*whole[1:], whole[0][:700]]])
    (tmp_path / "empty.zip").write_bytes(b"")
    assert worker.Prepared(tmp_path, "whole", SIDE).error is None
    cut = worker.Prepared(tmp_path, "cut", SIDE).error
    assert cut.startswith("a frame cannot be decoded (OSError: ")
    assert "`dvc repro -f decode`" in cut
    for name, why in (("empty", "BadZipFile: "), ("absent", "FileNotFoundError: ")):
        error = worker.Prepared(tmp_path, name, SIDE).error
        assert error.startswith(f"the request {name}.zip cannot be prepared ({why}")

    def full(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("PIL.Image.Image.resize", full)
    assert "be prepared (MemoryError" in worker.Prepared(tmp_path, "whole", SIDE).error


@pytest.mark.parametrize(
    ("version", "fit"),
    [("4.39.9", False), ("4.40.1", True), ("4.49.0", True), ("4.50.0", False), ("5.1.0", False)],
)
def test_versions_of_transformers(version: str, fit: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = importlib.import_module("worker")
    monkeypatch.setattr("importlib.metadata.version", lambda _: version)
    if fit:
        assert worker.check_versions(internvideo.FIT)["transformers"] == version
    else:
        with pytest.raises(RuntimeError, match=f"transformers {version} is installed"):
            worker.check_versions(internvideo.FIT)
