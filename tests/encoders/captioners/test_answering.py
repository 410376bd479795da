"""A model's answers when memory is short, weights are missing or numbers overflow."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.config import TransformersCaption
from pipeline.encoders.captioners.native.answering import Answering
from pipeline.encoders.captioners.native.asking import Asking
from pipeline.engine import FatalError
from pipeline.errors import UserError
from tests.encoders.captioners.tiny_vlm import tiny_internvl
from tests.encoders.pictures import jpeg, noise

CPU = torch.device("cpu")
SNIPPETS = [[jpeg(noise(8 * number + k)) for k in range(2)] for number in range(8)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_internvl(tmp_path_factory.mktemp("internvl"))


def answering(folder: Path, batch_size: int = 8, **changes: Any) -> Answering:
    given = {"frames": 2, "precision": "fp32", "max_new_tokens": 6} | changes
    settings = TransformersCaption(backend="transformers", model=str(folder), **given)
    return Answering(settings, Asking(settings), device=CPU, batch_size=batch_size)


class Crowded:
    """A model's `generate` that has memory for `room` snippets."""

    def __init__(self, own: Answering, room: int) -> None:
        self.generate, self.room, self.sizes = own.model.generate, room, []
        own.model.generate = self

    def __call__(self, **inputs: Any) -> Any:
        self.sizes.append(len(inputs["input_ids"]))
        if self.sizes[-1] > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return self.generate(**inputs)


def test_out_of_memory_halves_the_batch_for_good(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = answering(folder)(SNIPPETS)
    own = answering(folder)
    crowded = Crowded(own, room=3)
    assert own(SNIPPETS) == wanted
    assert own.batch_size == 2
    assert crowded.sizes == [8, 4, 2, 2, 2, 2]
    assert capsys.readouterr().err.count("out of memory") == 2  # 8 -> 4 -> 2
    assert own(SNIPPETS) == wanted  # a batch that was cut before
    assert crowded.sizes[6:] == [2, 2, 2, 2]


def test_no_room_for_one_snippet_is_an_error_with_the_way_out(folder: Path) -> None:
    own = answering(folder)
    crowded = Crowded(own, room=0)
    with pytest.raises(UserError, match=r"not even one snippet.*fewer caption\.frames"):
        own(SNIPPETS[:3])
    assert crowded.sizes == [3, 1]


def test_a_model_too_large_for_the_device_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(FatalError, match=f"{folder} does not fit into memory.*freer device"):
        answering(folder)


def test_another_error_halves_nothing(folder: Path) -> None:
    own = answering(folder)

    def failing(**_: Any) -> Any:
        raise RuntimeError("shapes do not match")

    own.model.generate = failing
    with pytest.raises(RuntimeError, match="shapes do not match"):
        own(SNIPPETS)
    assert own.batch_size == 8


def test_what_is_no_number_is_no_caption(folder: Path) -> None:
    own = answering(folder)
    with torch.no_grad():
        own.model.lm_head.weight[3] = torch.nan
    with pytest.raises(UserError, match=r"no number.*precision bf16"):
        own(SNIPPETS)


def test_settings_reach_generation(folder: Path) -> None:
    plain = answering(folder)(SNIPPETS)
    assert any(len(answer.split()) > 1 for answer in plain)
    short = answering(folder, max_new_tokens=1)(SNIPPETS)
    assert short == [answer.split()[0] if answer else "" for answer in plain]
    assert answering(folder, repetition_penalty=50.0)(SNIPPETS) != plain


def test_the_checkpoint_s_forbidden_words_stay_forbidden(folder: Path, tmp_path: Path) -> None:
    own = answering(folder)
    first = own(SNIPPETS[:1])[0].split()[0]
    word = own.asking.tokenizer.convert_tokens_to_ids(first)
    again = tiny_internvl(tmp_path / "model")
    path = again / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"suppress_tokens": [word]}))
    assert first not in answering(again)(SNIPPETS[:1])[0].split()


def test_weights_in_the_asked_precision(folder: Path) -> None:
    own = answering(folder, precision="bf16")
    assert {weight.dtype for weight in own.model.parameters()} == {torch.bfloat16}
    assert len(own(SNIPPETS)) == 8


def test_a_checkpoint_with_missing_weights_is_refused(tmp_path: Path) -> None:
    folder = tiny_internvl(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("norm.weight"))
    del weights[name]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(FatalError, match=r"lacks 1 weights of InternVL.*download complete"):
        answering(folder)


def test_a_folder_without_weights_says_so(tmp_path: Path) -> None:
    folder = tiny_internvl(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    with pytest.raises(FatalError, match=r"cannot load.*model\.safetensors"):
        answering(folder)


def test_a_model_of_text_alone_is_refused(tmp_path: Path) -> None:
    folder = tiny_internvl(tmp_path / "model")
    path = folder / "config.json"
    text = json.loads(path.read_text())["text_config"]
    settings = TransformersCaption(
        backend="transformers", model=str(folder), frames=2, precision="fp32"
    )
    asking = Asking(settings)
    path.write_text(json.dumps(text))
    with pytest.raises(FatalError, match="no model that describes pictures"):
        Answering(settings, asking, device=CPU, batch_size=1)
