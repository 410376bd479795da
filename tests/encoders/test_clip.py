from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from pipeline import tables
from pipeline.config import Clip, Decode, RulesCaption
from pipeline.digests import sha256_of
from pipeline.encoders import clip
from pipeline.encoders.captioners.captioner import SnippetCaptions
from pipeline.errors import UserError
from pipeline.video import decode
from tests.videos import write_video

TINY = Clip(model="tiny", pretrained="random")
DECODE = Decode(snippets=4, frames_per_snippet=4, max_short_side=448, jpeg_quality=90)


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    video = write_video(folder / "v.mp4", 40)
    table = decode.Sampler(DECODE)(decode.Request(video, sha256_of(video), 40))
    tables.write(table, folder / "v.parquet", tables.FRAMES, {"key": "k"})
    return folder / "v.parquet"


def features_of(table: object) -> np.ndarray:
    return np.stack(table["feature"].to_numpy())  # type: ignore[index]


def test_image_features_are_the_mean_of_unit_frame_embeddings(frames: Path) -> None:
    encoder = clip.ImageEncoder(TINY, "cpu", batch_size=64)
    table = encoder(frames)
    tables.check(table, tables.feature_piece(clip.feature_width(TINY)), "piece")
    jpegs = tables.read(frames)["image"].to_pylist()
    for row, images in zip(features_of(table), jpegs, strict=True):
        one_by_one = np.concatenate([encoder._embed([image]) for image in images])
        np.testing.assert_allclose(np.linalg.norm(one_by_one, axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(row, one_by_one.mean(axis=0), atol=1e-5)


def test_features_do_not_depend_on_the_batch_size(frames: Path) -> None:
    large, small = (clip.ImageEncoder(TINY, "cpu", size)(frames) for size in (64, 3))
    np.testing.assert_allclose(features_of(large), features_of(small), atol=1e-5)


def test_random_weights_follow_their_seed_and_leave_the_random_state_alone(frames: Path) -> None:
    state = torch.random.get_rng_state()
    first, again = (features_of(clip.ImageEncoder(TINY, "cpu", 64)(frames)) for _ in range(2))
    assert torch.equal(state, torch.random.get_rng_state())
    np.testing.assert_array_equal(first, again)
    other = clip.ImageEncoder(TINY.model_copy(update={"seed": 1}), "cpu", 64)(frames)
    assert np.abs(features_of(other) - first).max() > 0.01


def test_snippets_that_look_different_get_different_features(frames: Path) -> None:
    features = features_of(clip.ImageEncoder(TINY, "cpu", 64)(frames))
    assert np.abs(features[0] - features[2]).max() > 1e-3


def test_text_features_are_unit_vectors_that_tell_captions_apart() -> None:
    encoder = clip.TextEncoder(TINY, "cpu")
    features = features_of(encoder(["a red car", "a red car", "a blue van", "", "word " * 200]))
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(features[0], features[1])
    assert np.abs(features[0] - features[2]).max() > 1e-3


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("", (2, False)),
        ("a cat", (4, False)),
        ("cat " * 75, (77, False)),
        ("cat " * 76, (78, True)),
    ],
)
def test_tokens_are_counted_with_start_and_end(caption: str, expected: tuple[int, bool]) -> None:
    assert clip.TokenCounter(TINY)(caption) == expected


def test_captions_come_with_their_token_counts(frames: Path) -> None:
    table = SnippetCaptions(RulesCaption(backend="rules"), TINY)(frames)
    tables.check(table, tables.CAPTION_PIECE, "piece")
    assert all(caption.endswith(".") for caption in table["caption"].to_pylist())
    assert min(table["n_tokens"].to_pylist()) > 4


def test_openai_weights_in_a_model_with_plain_gelu_are_refused() -> None:
    with pytest.raises(ValidationError, match="use 'ViT-L-14-quickgelu'"):
        Clip(model="ViT-L-14", pretrained="openai")
    right = Clip(model="ViT-L-14-quickgelu", pretrained="openai")
    assert clip.model_config(right)["quick_gelu"]
    assert clip.feature_width(right) == 768


def test_identity_holds_all_that_decides_the_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"one")
    local = Clip(model="tiny", pretrained=str(weights))
    before = clip.identity(local), clip.identity(TINY)
    weights.write_bytes(b"two")
    assert clip.identity(local) != before[0]
    monkeypatch.setattr(clip, "model_config", lambda _: {"layers": 2})
    assert clip.identity(TINY) != before[1]
    assert clip.identity(TINY) != clip.identity(TINY.model_copy(update={"seed": 1}))


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(UserError, match="open_clip knows no model 'ViT-X'"):
        clip.feature_width(Clip(model="ViT-X", pretrained="random"))
    with pytest.raises(UserError, match="has a tokenizer of its own"):
        clip.feature_width(Clip(model="ViT-B-16-SigLIP", pretrained="random"))


def test_weights_load_from_a_local_file(tmp_path: Path, frames: Path) -> None:
    model, _ = clip.build(TINY.model_copy(update={"seed": 5}), torch.device("cpu"))
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    local = Clip(model="tiny", pretrained=str(tmp_path / "weights.pt"))
    seeded = Clip(model="tiny", pretrained="random", seed=5)
    loaded, expected = (
        features_of(clip.ImageEncoder(c, "cpu", 64)(frames)) for c in (local, seeded)
    )
    np.testing.assert_array_equal(loaded, expected)
