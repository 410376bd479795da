"""Features by transformers models, against direct calls of the same models in float64."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from pipeline.config import Clip, TransformersText
from pipeline.encoders import text
from pipeline.encoders.text import TextEncoder
from pipeline.encoders.tower import BATCH_TOLERANCE
from pipeline.errors import UserError
from tests.encoders import tiny_text_models as tiny
from tests.encoders.pictures import features_of

TOWER = Clip(model="tiny", pretrained="random")
CAPTIONS = ["a man runs on the street.", "the red car", "人车走。", "a dog falls. fire!", "zebra"]
LONG = "the red car walks " * 2_000


def settings(folder: Path, **changes: object) -> TransformersText:
    return TransformersText(encoder="transformers", model=str(folder), **changes)  # type: ignore[arg-type]


def encoder(folder: Path, shared: bool | None = None, **changes: object) -> TextEncoder:
    own = settings(folder, **changes)
    return TextEncoder(own, TOWER, device="cpu", batch_size=4, shared=shared)


def features(own: TextEncoder, captions: list[str]) -> np.ndarray:
    ((_, table),) = own([captions])
    return features_of(table)


def states(folder: Path, caption: str, longest: int | None = None) -> np.ndarray:
    """The last layer (L, D) of one caption in float64, the encoder's where there is a decoder."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float64).eval()
    own = model.get_encoder() if model.config.is_encoder_decoder else model
    cut = {"truncation": True, "max_length": longest} if longest else {}
    ids = tokenizer(caption, return_tensors="pt", **cut)["input_ids"]
    with torch.no_grad():
        return own(input_ids=ids).last_hidden_state[0].numpy()


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


POOLED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda own: own.mean(axis=0),
    "first": lambda own: own[0],
    "last": lambda own: own[-1],
}
MODELS = {"bert": tiny.bert, "roberta": tiny.roberta, "gpt2": tiny.gpt2, "t5": tiny.t5}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {name: make(root / name) for name, make in MODELS.items()}


@pytest.mark.parametrize("pooling", POOLED)
@pytest.mark.parametrize("model", MODELS)
def test_features_are_the_pooled_last_layer(
    folders: dict[str, Path], model: str, pooling: str
) -> None:
    folder = folders[model]
    expected = np.stack([unit(POOLED[pooling](states(folder, own))) for own in CAPTIONS])
    if not (pooling == "first" and model == "gpt2"):  # whose first token sees itself alone
        assert np.abs(expected[0] - expected[1]).max() > 100 * BATCH_TOLERANCE
    alone = encoder(folder, pooling=pooling)
    assert text.width(settings(folder), TOWER) == 16
    np.testing.assert_allclose(features(alone, CAPTIONS), expected, atol=BATCH_TOLERANCE)
    shared = encoder(folder, shared=True, pooling=pooling)
    np.testing.assert_allclose(features(shared, CAPTIONS), expected, atol=BATCH_TOLERANCE)


@pytest.mark.parametrize(
    ("model", "longest", "marks"), [("bert", 12, 2), ("roberta", 23, 2), ("gpt2", 12, 0)]
)
def test_captions_are_counted_and_cut_at_the_model_s_length(
    folders: dict[str, Path], model: str, longest: int, marks: int
) -> None:
    fits = "word " * (longest - marks)
    own = encoder(folders[model], pooling="last")
    ((_, table),) = own([["", "a man", fits, fits + "word", LONG]])
    assert table["n_tokens"].to_pylist() == [marks, 2 + marks, longest, longest + 1, 8_000 + marks]
    assert table["truncated"].to_pylist() == [False, False, False, True, True]
    found = features_of(table)
    assert np.isfinite(found).all()
    expected = unit(states(folders[model], LONG, longest)[-1])
    np.testing.assert_allclose(found[4], expected, atol=BATCH_TOLERANCE)


def test_a_model_without_a_limit_reads_512_tokens(folders: dict[str, Path]) -> None:
    ((_, table),) = encoder(folders["t5"])([["word " * 510, "word " * 511]])
    assert table["n_tokens"].to_pylist() == [512, 513]
    assert table["truncated"].to_pylist() == [False, True]


def test_a_model_s_positions_limit_what_its_tokenizer_does_not(tmp_path: Path) -> None:
    own = encoder(tiny.bert(tmp_path, longest=None))
    ((_, table),) = own([["word " * 22, "word " * 23]])
    assert table["truncated"].to_pylist() == [False, True]


def test_on_a_cpu_a_caption_has_the_same_bits_wherever_it_stands(folders: dict[str, Path]) -> None:
    own = encoder(folders["bert"])
    together = features(own, [LONG, *CAPTIONS, *CAPTIONS])
    for row, caption in enumerate(CAPTIONS, start=1):
        (alone,) = features(own, [caption])
        np.testing.assert_array_equal(alone, together[row])
        np.testing.assert_array_equal(alone, together[row + len(CAPTIONS)])


def test_a_long_caption_is_the_mean_over_its_sentences(folders: dict[str, Path]) -> None:
    folder = folders["bert"]
    parts = ["a man runs.", "the red car walks on!"]
    expected = unit(sum(unit(states(folder, part).mean(axis=0)) for part in parts))
    own = encoder(folder, long_captions="sentences")
    found = features(own, [" ".join(parts), *CAPTIONS[:3]])
    np.testing.assert_allclose(found[0], expected, atol=BATCH_TOLERANCE)
    np.testing.assert_array_equal(found[1:], features(encoder(folder), CAPTIONS[:3]))


def test_half_precision_stays_near(folders: dict[str, Path]) -> None:
    own = encoder(folders["bert"], precision="bf16")
    assert next(own.model.model.parameters()).dtype == torch.bfloat16  # type: ignore[attr-defined]
    found = features(own, CAPTIONS)
    full = features(encoder(folders["bert"]), CAPTIONS)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    assert ((found * full).sum(axis=1) > 0.99).all()
    assert (found != full).any()


def test_the_recipe_holds_what_decides_the_features(tmp_path: Path) -> None:
    folder = tiny.bert(tmp_path)

    def key(**changes: object) -> str:
        return text.recipe(settings(folder, **changes), TOWER).key("source")

    changes = [{}, {"pooling": "last"}, {"precision": "bf16"}, {"long_captions": "sentences"}]
    keys = [key(**change) for change in changes]
    assert len(set(keys)) == 4
    assert key() == keys[0]
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {"embeddings.LayerNorm.bias": weights["embeddings.LayerNorm.bias"] + 1},
              folder / "model.safetensors", {"format": "pt"})  # fmt: skip
    assert key() not in keys


def test_a_model_of_which_weights_are_missing_is_refused(tmp_path: Path) -> None:
    folder = tiny.bert(tmp_path)
    weights = load_file(folder / "model.safetensors")
    pooler = {name for name in weights if name.startswith("pooler.")}
    kept = {name: value for name, value in weights.items() if name not in pooler}
    assert pooler
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    encoder(folder)  # nobody asks the pooler
    del kept["encoder.layer.1.output.dense.bias"]
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"lack encoder\.layer\.1\.output\.dense\.bias and 0 more"):
        encoder(folder)


def test_what_is_no_text_encoder_is_refused(tmp_path: Path, folders: dict[str, Path]) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clip"}))
    with pytest.raises(UserError, match=r"\(clip\) has no single width"):
        text.width(settings(tmp_path), TOWER)
    with pytest.raises(UserError, match="needs a `revision`"):
        text.recipe(settings(Path("owner/model")), TOWER)
    broken = tiny.bert(tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(UserError, match="cannot load"):
        encoder(broken)
