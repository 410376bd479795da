"""Parameters and operations of encoders, against formulas and against models that were built."""

from pathlib import Path

import pytest
import torch

from pipeline.config import (
    Clip,
    ClipText,
    EndpointCaption,
    FileCaption,
    RulesCaption,
    TransformersCaption,
    TransformersText,
)
from pipeline.efficiency import encoder_counts
from pipeline.encoders import clip
from tests.encoders import tiny_text_models
from tests.encoders.captioners import tiny_vlm

TINY = Clip(model="tiny", pretrained="random")
CLIP_TEXT = ClipText(encoder="clip")
RULES = RulesCaption(backend="rules")


def transformer(tokens: int, width: int, layers: int) -> int:
    """Operations of layers with four matrices of width² for attention and eight for the rest."""
    return layers * (2 * 12 * tokens * width**2 + 2 * 2 * tokens**2 * width)


def test_the_reference_by_its_published_size_and_by_formula() -> None:
    found = encoder_counts.reference()
    # 427,616,513 with the temperature, which belongs to neither tower
    assert found["image"]["parameters"] + found["text"]["parameters"] == 427_616_512
    patches = 2 * 256 * (3 * 14 * 14) * 1024
    vision = patches + transformer(257, 1024, 24) + 2 * 1024 * 768
    assert found["image"]["flops"] == vision
    assert found["text"]["flops"] == transformer(77, 768, 12) + 2 * 768 * 768


def test_a_model_counted_without_weights_has_the_size_of_the_built_one() -> None:
    built = clip.build(TINY, torch.device("cpu"))
    found = encoder_counts.count(TINY, CLIP_TEXT, RULES, ["image", "text"])
    assert list(found) == ["image", "caption", "text"]
    assert found["image"]["parameters"] == sum(p.numel() for p in built.visual.parameters())
    whole = sum(p.numel() for p in built.parameters())
    assert found["image"]["parameters"] + found["text"]["parameters"] == whole - 1
    assert "77 tokens" in found["text"]["remark"]


def test_weights_are_not_asked_for_and_precision_changes_no_count() -> None:
    other = Clip(model="ViT-B-32-quickgelu", pretrained="openai", precision="bf16")
    plain = Clip(model="ViT-B-32-quickgelu", pretrained="random")
    assert encoder_counts.image(other) == encoder_counts.image(plain)


def test_only_the_encoders_of_the_modalities_count() -> None:
    assert list(encoder_counts.count(TINY, CLIP_TEXT, RULES, ["image"])) == ["image"]
    assert list(encoder_counts.count(TINY, CLIP_TEXT, RULES, ["text"])) == ["caption", "text"]


def test_another_text_encoder_reads_no_more_than_it_can(tmp_path: Path) -> None:
    folder = tiny_text_models.bert(tmp_path / "bert", longest=12)
    settings = TransformersText(encoder="transformers", model=str(folder))
    found = encoder_counts.text_encoder(settings, TINY)
    model = encoder_counts.towers.text_model(settings, TINY, torch.device("cpu"))
    assert found["parameters"] == sum(p.numel() for p in model.model.parameters())  # type: ignore[attr-defined]
    assert found["flops"] > 0
    assert "12 tokens" in found["remark"]


def test_a_text_encoder_that_is_not_here_is_said_to_be_missing() -> None:
    settings = TransformersText(encoder="transformers", model="nowhere/at-all", revision="0" * 40)
    found = encoder_counts.text_encoder(settings, TINY)
    assert found["parameters"] is None
    assert found["flops"] is None
    assert "nowhere/at-all" in found["remark"]


def test_captioners(tmp_path: Path) -> None:
    rules = encoder_counts.captioner(RULES)
    assert (rules["parameters"], rules["flops"]) == (0, 0)
    assert (
        encoder_counts.captioner(
            FileCaption(backend="file", path="captions.csv", made_by="people")
        )["remark"]
        == "the captions were there already"
    )
    server = EndpointCaption(backend="endpoint", model="large", revision="1")
    assert encoder_counts.captioner(server)["parameters"] is None
    assert "on a server" in encoder_counts.captioner(server)["remark"]
    missing = TransformersCaption(backend="transformers", model="nowhere/at-all", revision="0" * 40)
    assert encoder_counts.captioner(missing)["parameters"] is None


def test_a_captioning_model_is_counted_by_its_configuration_alone(tmp_path: Path) -> None:
    folder = tiny_vlm.tiny_internvl(tmp_path / "vlm")
    built = tiny_vlm.hf.AutoModelForImageTextToText.from_pretrained(folder)
    for weights in folder.glob("*.safetensors"):
        weights.unlink()
    found = encoder_counts.captioner(
        TransformersCaption(backend="transformers", model=str(folder), precision="fp32")
    )
    assert found["parameters"] == sum(p.numel() for p in built.parameters())
    assert found["flops"] is None


@pytest.mark.parametrize("length", [3, 200])
def test_tokens_of_a_caption_are_77_at_most(length: int) -> None:
    class Words:
        def tokens(self, text: str) -> object:
            return type("Tokens", (), {"seen": range(length)})

        def encode(self, ids: torch.Tensor) -> torch.Tensor:
            return ids

    assert encoder_counts.towers.longest(Words()).shape == (1, min(length, 77))  # type: ignore[arg-type]
