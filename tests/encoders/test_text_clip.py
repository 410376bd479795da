"""CLIP's text tower against open_clip's own tokenizer and `encode_text`."""

import numpy as np
import pytest
import torch

from pipeline.config import Clip
from pipeline.encoders import clip
from pipeline.encoders.text.clip_model import ClipTextModel
from pipeline.encoders.text.model import filled, one_row
from pipeline.encoders.tower import BATCH_TOLERANCE

import open_clip  # isort: skip  (clip.py has made torchvision importable)

TINY = Clip(model="tiny", pretrained="random")
CAPTIONS = [
    "",
    "a red car",
    "Two men fight; one's bag isn't his!  <b>&amp;</b>",
    "一个人在街上走。",
    "Ένας άνδρας τρέχει 🔥🔥",
    "cat " * 75,
    "cat " * 76,
    "x" * 500,
]


@pytest.fixture(scope="module")
def model() -> ClipTextModel:
    return ClipTextModel(TINY, torch.device("cpu"))


def test_tokens_are_those_of_open_clip(model: ClipTextModel) -> None:
    theirs = open_clip.get_tokenizer("tiny")(CAPTIONS)
    for caption, row in zip(CAPTIONS, theirs, strict=True):
        seen = model.tokens(caption).seen
        assert seen == row[: len(seen)].tolist()
        assert not row[len(seen) :].any()


@pytest.mark.parametrize(
    ("caption", "count", "truncated"),
    [
        ("", 2, False),
        ("a cat", 4, False),
        ("cat " * 75, 77, False),
        ("cat " * 76, 78, True),
    ],
)
def test_tokens_are_counted_with_start_and_end(
    model: ClipTextModel, caption: str, count: int, truncated: bool
) -> None:
    tokens = model.tokens(caption)
    assert (tokens.count, tokens.truncated) == (count, truncated)


@pytest.mark.parametrize("character", ["人", "a", "😀", "!"])
def test_a_word_of_100_000_characters_is_read_in_seconds(
    model: ClipTextModel, character: str
) -> None:
    tokens = model.tokens(character * 100_000)
    assert tokens.truncated
    assert len(tokens.seen) == 77


def test_a_caption_that_spells_the_end_token_does_not_end_there(model: ClipTextModel) -> None:
    end = model.tokenizer.eot_token_id
    seen = model.tokens("a man <end_of_text> falls").seen
    assert list(seen).index(end) == len(seen) - 1


def test_short_rows_give_what_open_clip_computes_over_the_whole_context(
    model: ClipTextModel,
) -> None:
    whole = model.model.encode_text(open_clip.get_tokenizer("tiny")(CAPTIONS))
    rows = [one_row(model.tokens(caption)) for caption in CAPTIONS]
    assert rows[1].shape == (1, 5)
    alone = torch.cat([model.encode(row) for row in rows])
    for found in (alone, model.encode(filled(rows))):
        assert float(torch.dist(whole, found, p=float("inf"))) <= BATCH_TOLERANCE
    assert float(torch.dist(whole[1], whole[2], p=float("inf"))) > 100 * BATCH_TOLERANCE


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"no_causal_mask": True}, id="reads-both-ways"),
        pytest.param({"pool_type": "last"}, id="takes-the-last-place"),
    ],
)
def test_a_tower_that_looks_beyond_the_end_gets_the_whole_context(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, object]
) -> None:
    config = clip.model_config(TINY)
    changed = config | {"text_cfg": config["text_cfg"] | change}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny", changed)
    own = ClipTextModel(TINY, torch.device("cpu"))
    whole = own.model.encode_text(open_clip.get_tokenizer("tiny")(CAPTIONS[:3]))
    found = torch.cat([own.encode(one_row(own.tokens(caption))) for caption in CAPTIONS[:3]])
    np.testing.assert_allclose(found, whole, atol=BATCH_TOLERANCE)


def test_half_precision_stays_near(model: ClipTextModel) -> None:
    half = ClipTextModel(TINY.model_copy(update={"precision": "bf16"}), torch.device("cpu"))
    row = one_row(model.tokens(CAPTIONS[1]))
    found = half.encode(row)
    assert found.dtype == torch.bfloat16
    similarity = torch.nn.functional.cosine_similarity(found.float(), model.encode(row))
    assert float(similarity) > 0.99
