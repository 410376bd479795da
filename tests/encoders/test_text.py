"""Text features by CLIP's text tower, cut or by sentences."""

from pathlib import Path

import numpy as np
import pytest

from pipeline import tables
from pipeline.config import Clip, ClipText
from pipeline.encoders import text
from pipeline.encoders.text import TextEncoder
from pipeline.encoders.tower import BATCH_TOLERANCE
from pipeline.errors import UserError
from tests.encoders.pictures import features_of

TRUNCATE = ClipText(encoder="clip")
SENTENCES = ClipText(encoder="clip", long_captions="sentences")
TINY = Clip(model="tiny", pretrained="random")
CAPTIONS = [
    ["a red car", "a red car", "a blue van", "", "word " * 200],
    [f"{n} people run" for n in range(40)],
    ["nothing moves"],
]


def encoder(settings: ClipText = TRUNCATE, batch_size: int = 16, **kwargs: object) -> TextEncoder:
    return TextEncoder(settings, TINY, device="cpu", batch_size=batch_size, **kwargs)  # type: ignore[arg-type]


def each(own: TextEncoder, captions: list[list[str]]) -> list[np.ndarray]:
    found = dict(own(captions))
    return [features_of(found[position]) for position in range(len(captions))]


def sizes_of(own: TextEncoder) -> list[tuple[int, ...]]:
    """Shapes of the batches that `own` computes from now on."""
    shapes: list[tuple[int, ...]] = []
    inner = own.tower.encode
    own.tower.encode = lambda ids: (shapes.append(tuple(ids.shape)), inner(ids))[1]
    return shapes


def test_text_features_are_unit_vectors_that_tell_captions_apart() -> None:
    ((position, table),) = encoder()(CAPTIONS[:1])
    tables.check(table, tables.text_piece(256), "piece")
    features = features_of(table)
    assert (position, features.shape) == (0, (5, 256))
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(features[0], features[1])
    assert np.abs(features[0] - features[2]).max() > 1e-3
    assert table["snippet"].to_pylist() == [0, 1, 2, 3, 4]
    assert table["n_tokens"].to_pylist() == [5, 5, 5, 2, 202]
    assert table["truncated"].to_pylist() == [False, False, False, False, True]


def test_on_a_cpu_a_caption_has_the_same_bits_wherever_it_stands() -> None:
    alone = [each(encoder(batch_size=3), [captions])[0] for captions in CAPTIONS]
    together = each(encoder(), CAPTIONS[::-1])[::-1]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    (beside,) = each(encoder(), [["word " * 60, "nothing moves"]])
    np.testing.assert_array_equal(beside[1], alone[2][0])


def test_a_caption_that_many_snippets_share_is_encoded_once() -> None:
    own = encoder()
    shapes = sizes_of(own)
    each(own, [CAPTIONS[0], CAPTIONS[0]])
    assert shapes == [(1, 5), (1, 5), (1, 2), (1, 77)] * 2


def test_shared_batches_of_captions_keep_the_tolerance() -> None:
    own = encoder(batch_size=16, shared=True)
    shapes = sizes_of(own)
    for one, other in zip(each(encoder(), CAPTIONS), each(own, CAPTIONS), strict=True):
        assert np.abs(one - other).max() <= BATCH_TOLERANCE
    assert shapes == [(16, 77), (16, 6), (13, 6)]


@pytest.mark.parametrize("settings", [TRUNCATE, SENTENCES])
@pytest.mark.parametrize("shared", [True, False])
def test_captions_that_are_no_text_cost_their_video_alone(settings: ClipText, shared: bool) -> None:
    captions = [CAPTIONS[0], [None], CAPTIONS[2]]
    found = dict(encoder(settings, shared=shared)(captions))  # type: ignore[arg-type]
    assert isinstance(found[1], Exception)
    assert features_of(found[0]).shape == (5, 256)
    assert features_of(found[2]).shape == (1, 256)


@pytest.mark.parametrize("shared", [True, False])
def test_a_long_caption_is_the_mean_over_its_sentences(shared: bool) -> None:
    parts = ["A man runs.", "He falls!", "A red car stops."]
    caption = " ".join([*parts, parts[0]])
    (alone,) = each(encoder(), [parts])
    (found, short) = each(encoder(SENTENCES, shared=shared), [["nothing moves", caption], parts])
    mean = (2 * alone[0].astype(float) + alone[1] + alone[2]) / 4
    np.testing.assert_allclose(found[1], mean / np.linalg.norm(mean), atol=BATCH_TOLERANCE)
    np.testing.assert_allclose(short, alone, atol=BATCH_TOLERANCE)
    assert np.abs(found[1] - each(encoder(), [[caption]])[0][0]).max() > 1e-2


def test_a_caption_of_one_sentence_has_the_same_bits_in_both_modes() -> None:
    captions = ["A man runs.", "", "Mr. Smith walks 3.5 m", "一个人走。", "word " * 200]
    (cut,) = each(encoder(), [captions])
    (mean,) = each(encoder(SENTENCES), [[*captions, "A car. A van. " * 9]])
    np.testing.assert_array_equal(cut, mean[:5])


def test_by_sentences_only_what_no_sentence_holds_is_cut_off() -> None:
    fits = "word " * 73 + "end. "
    captions = [fits * 3, fits + "word " * 74 + "end.", "A b. " * 32, "A b. " * 33]
    ((_, table),) = encoder(SENTENCES)([captions])
    assert table["truncated"].to_pylist() == [False, True, False, True]
    assert table["n_tokens"].to_pylist() == [3 * 75 + 2, 75 + 76 + 2, 98, 101]
    ((_, whole),) = encoder()([captions])
    assert whole["truncated"].to_pylist() == [True] * 4
    assert whole["n_tokens"] == table["n_tokens"]


@pytest.mark.parametrize("long", ["人" * 100_000, "A man runs. " * 8_000, "é.。!" * 25_000])
@pytest.mark.parametrize("settings", [TRUNCATE, SENTENCES])
def test_a_caption_of_100_000_characters_is_cut_in_seconds(settings: ClipText, long: str) -> None:
    ((_, table),) = encoder(settings)([[long, "a man"]])
    assert table["truncated"].to_pylist() == [True, False]
    np.testing.assert_allclose(np.linalg.norm(features_of(table), axis=1), 1, rtol=1e-5)


def test_the_recipe_holds_what_decides_the_features() -> None:
    keys = {
        text.recipe(settings, tower).key("source")
        for settings in (TRUNCATE, SENTENCES)
        for tower in (TINY, TINY.model_copy(update={"seed": 1}))
    }
    assert len(keys) == 4
    assert text.recipe(TRUNCATE, TINY).stage == "text"
    assert text.width(SENTENCES, TINY) == 256


def test_the_share_of_truncated_captions_is_told(tmp_path: Path) -> None:
    ((_, piece),) = encoder()(CAPTIONS[:1])
    tables.write(piece, tmp_path / "text.parquet", tables.text_piece(256))
    assert text.truncated_share(tmp_path / "text.parquet") == (
        "1 of 5 captions (20.0%) are longer than the encoder reads"
    )
    empty = tables.text_piece(256).empty_table()
    tables.write(empty, tmp_path / "empty.parquet", tables.text_piece(256))
    assert text.truncated_share(tmp_path / "empty.parquet").startswith("0 of 0 captions (0.0%)")
    with pytest.raises(UserError, match=r"absent\.parquet does not exist"):
        text.truncated_share(tmp_path / "absent.parquet")
