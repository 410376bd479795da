"""Features by models of sentence-transformers, against the package's own `encode`."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config import Clip, SentenceTransformersText, TransformersText
from pipeline.encoders import text
from pipeline.encoders.text import TextEncoder
from pipeline.encoders.tower import BATCH_TOLERANCE
from pipeline.errors import UserError
from tests.encoders import tiny_text_models as tiny
from tests.encoders.pictures import features_of

TOWER = Clip(model="tiny", pretrained="random")
CAPTIONS = [
    "a man runs on the street.",
    "the red car",
    "人车走。",
    "",
    "the red car walks " * 2_000,
]


@pytest.fixture(scope="module")
def package() -> Any:
    return pytest.importorskip(
        "sentence_transformers",
        reason="sentence-transformers is not installed (requirements-sentence.txt)",
    )


def settings(folder: Path, **changes: object) -> SentenceTransformersText:
    return SentenceTransformersText(encoder="sentence_transformers", model=str(folder), **changes)  # type: ignore[arg-type]


def write(package: Any, root: Path, *last: Any, **pooling: Any) -> tuple[Path, Any]:
    """A model of a tiny BERT, pooling and further modules: its folder, and itself."""
    transformer = package.sentence_transformer.modules.Transformer(str(tiny.bert(root / "bert")))
    pool = package.sentence_transformer.modules.Pooling(16, **pooling)
    own = package.SentenceTransformer(modules=[transformer, pool, *last], device="cpu")
    own.save(str(root / "model"))
    return root / "model", own


def encoder(folder: Path, shared: bool | None = None, **changes: object) -> TextEncoder:
    own = settings(folder, **changes)
    return TextEncoder(own, TOWER, device="cpu", batch_size=4, shared=shared)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("mode", ["mean", "cls", "lasttoken", "max"])
def test_features_are_those_of_the_package(
    package: Any, tmp_path: Path, mode: str, shared: bool
) -> None:
    folder, own = write(package, tmp_path, pooling_mode=mode)
    ((_, table),) = encoder(folder, shared)([CAPTIONS])
    expected = own.encode(CAPTIONS, normalize_embeddings=True)
    assert np.abs(expected[0] - expected[1]).max() > 100 * BATCH_TOLERANCE
    np.testing.assert_allclose(features_of(table), expected, atol=BATCH_TOLERANCE)
    assert table["n_tokens"].to_pylist() == [9, 5, 6, 2, 8_002]
    assert table["truncated"].to_pylist() == [False] * 4 + [True]


def test_a_module_behind_the_pooling_decides_the_width(package: Any, tmp_path: Path) -> None:
    dense = package.sentence_transformer.modules.Dense(16, 6)
    folder, own = write(package, tmp_path, dense, package.sentence_transformer.modules.Normalize())
    assert text.width(settings(folder), TOWER) == 6
    ((_, table),) = encoder(folder)([CAPTIONS])
    np.testing.assert_allclose(features_of(table), own.encode(CAPTIONS), atol=BATCH_TOLERANCE)


@pytest.mark.parametrize("include", [True, False])
def test_the_model_s_own_prompt_stands_before_every_caption(
    package: Any, tmp_path: Path, include: bool
) -> None:
    folder, own = write(package, tmp_path, include_prompt=include)
    before = own.encode(CAPTIONS, normalize_embeddings=True)
    own.prompts, own.default_prompt_name = {"say": "a dog: "}, "say"
    own.save(str(folder))
    ((_, table),) = encoder(folder)([CAPTIONS])
    expected = own.encode(CAPTIONS, normalize_embeddings=True)
    assert np.abs(expected - before).max() > 100 * BATCH_TOLERANCE
    np.testing.assert_allclose(features_of(table), expected, atol=BATCH_TOLERANCE)
    assert table["n_tokens"].to_pylist() == [12, 8, 9, 5, 8_005]


def test_the_same_weights_give_the_same_features_by_transformers(
    package: Any, tmp_path: Path
) -> None:
    folder, _ = write(package, tmp_path, pooling_mode="mean")
    plain = TransformersText(encoder="transformers", model=str(folder), pooling="mean")
    ((_, one),) = encoder(folder)([CAPTIONS])
    ((_, other),) = TextEncoder(plain, TOWER, device="cpu", batch_size=4)([CAPTIONS])
    np.testing.assert_allclose(features_of(one), features_of(other), atol=BATCH_TOLERANCE)
    keys = {text.recipe(own, TOWER).key("source") for own in (plain, settings(folder))}
    assert len(keys) == 2


def test_a_long_caption_is_the_mean_over_its_sentences(package: Any, tmp_path: Path) -> None:
    folder, own = write(package, tmp_path)
    parts = ["a man runs.", "the red car walks on!"]
    mean = own.encode(parts, normalize_embeddings=True).mean(axis=0)
    ((_, table),) = encoder(folder, long_captions="sentences")([[" ".join(parts)]])
    expected = mean / np.linalg.norm(mean)
    np.testing.assert_allclose(features_of(table)[0], expected, atol=BATCH_TOLERANCE)


def test_a_model_that_reads_no_tokens_is_refused(package: Any, tmp_path: Path) -> None:
    bag = package.sentence_transformer.modules.BoW(["man", "car"])
    package.SentenceTransformer(modules=[bag], device="cpu").save(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="expected token ids"):
        encoder(tmp_path)


def test_without_the_package_the_way_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    own = settings(tiny.bert(tmp_path))
    for asked in (text.recipe, text.width):
        with pytest.raises(UserError, match=r"pip install -r requirements-sentence\.txt"):
            asked(own, TOWER)
