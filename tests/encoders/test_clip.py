from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from pipeline.config import Clip
from pipeline.encoders import clip, preprocess
from pipeline.encoders.images import ImageEncoder
from pipeline.errors import UserError
from tests.encoders.pictures import features_of, write_frames

TINY = Clip(model="tiny", pretrained="random")


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frames") / "v.parquet"
    return write_frames(path, [[0, 1, 2, 3], [4, 5, 6, 7]])


def features(settings: Clip, frames: Path) -> np.ndarray:
    ((_, table),) = ImageEncoder(settings, device="cpu", batch_size=64)([frames])
    return features_of(table)


def test_random_weights_follow_their_seed_and_leave_the_random_state_alone(frames: Path) -> None:
    state = torch.random.get_rng_state()
    first, again = (features(TINY, frames) for _ in range(2))
    assert torch.equal(state, torch.random.get_rng_state())
    np.testing.assert_array_equal(first, again)
    other = features(TINY.model_copy(update={"seed": 1}), frames)
    assert np.abs(other - first).max() > 0.01


def test_snippets_that_look_different_get_different_features(frames: Path) -> None:
    first, second = features(TINY, frames)
    assert np.abs(first - second).max() > 1e-3


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
    assert clip.identity(TINY) != clip.identity(TINY.model_copy(update={"seed": 1}))
    assert clip.identity(TINY) != clip.identity(TINY.model_copy(update={"precision": "bf16"}))
    config = clip.model_config(TINY)
    monkeypatch.setattr(clip, "model_config", lambda _: config | {"layers": 2})
    assert clip.identity(TINY) != before[1]


def test_how_images_are_prepared_decides_image_features_and_no_text_features(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image, text = clip.image_identity(TINY), clip.identity(TINY)
    assert image["preprocess"]["size"] == 64
    assert set(text) < set(image)
    monkeypatch.setattr(preprocess, "METHOD", "another way")
    assert clip.image_identity(TINY) != image
    assert clip.identity(TINY) == text


def test_a_model_prepared_for_otherwise_than_recorded_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = preprocess.Preprocess(64, (0.5,) * 3, (0.5,) * 3, "bicubic")
    monkeypatch.setattr(clip, "preprocess", lambda _: other)
    with pytest.raises(UserError, match="choose another model"):
        clip.build(TINY, torch.device("cpu"))


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(UserError, match="open_clip knows no model 'ViT-X'"):
        clip.feature_width(Clip(model="ViT-X", pretrained="random"))
    with pytest.raises(UserError, match="has a tokenizer of its own"):
        clip.feature_width(Clip(model="ViT-B-16-SigLIP", pretrained="random"))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_weights_load_from_a_local_file(tmp_path: Path, frames: Path, precision: str) -> None:
    model = clip.build(TINY.model_copy(update={"seed": 5}), torch.device("cpu"))
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    local = Clip(model="tiny", pretrained=str(tmp_path / "weights.pt"), precision=precision)
    seeded = Clip(model="tiny", pretrained="random", seed=5, precision=precision)
    np.testing.assert_array_equal(features(local, frames), features(seeded, frames))
