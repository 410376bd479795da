"""Parameters and operations of the encoders, which need no weights of CLIP to be counted."""

from collections.abc import Collection
from typing import Any

import torch

from pipeline.config import (
    Caption,
    Clip,
    ClipText,
    FileCaption,
    RulesCaption,
    TextFeatures,
    TransformersCaption,
)
from pipeline.efficiency import flops, towers
from pipeline.encoders import clip, pinned
from pipeline.encoders.text.clip_model import ClipTextModel
from pipeline.errors import UserError

# What the paper's features are made with; counted for whoever runs a smaller model.
REFERENCE = Clip(model="ViT-L-14-quickgelu", pretrained=clip.RANDOM)
META = torch.device("meta")

Count = dict[str, Any]


def count(
    tower: Clip, text: TextFeatures, caption: Caption, modalities: Collection[str]
) -> dict[str, Count]:
    """A `Count` of each encoder that the features of `modalities` need, without `per_video`.

    `parameters` and `flops` (of one `unit`) are None where they are not known; `remark` says why.
    """
    found = {}
    if "image" in modalities:
        found["image"] = image(tower)
    if "text" in modalities:
        found |= {"caption": captioner(caption), "text": text_encoder(text, tower)}
    return found


def reference() -> dict[str, Count]:
    """The two towers of OpenAI's ViT-L/14."""
    return {
        "image": image(REFERENCE),
        "text": text_encoder(ClipText(encoder="clip"), REFERENCE),
    }


def image(settings: Clip) -> Count:
    """CLIP's image tower, for a frame."""
    model = _on_meta(settings).model
    side = clip.preprocess(settings).size
    frame = torch.zeros(1, 3, side, side, device=META)
    operations = flops.of(lambda: model.encode_image(frame), model)
    return _count(settings.model, "frame", _size(model.visual), operations.total)


def text_encoder(settings: TextFeatures, tower: Clip) -> Count:
    """The text encoder, for a caption of `towers.TOKENS` tokens."""
    if isinstance(settings, ClipText):
        own = _on_meta(tower)
        size = _size(own.model) - _size(own.model.visual) - _of_neither_tower(own.model)
        return _count(tower.model, "caption", size, *_text_flops(own, own.model, META))
    try:
        other: Any = towers.text_model(settings, tower, torch.device("cpu"))
    except UserError as error:
        return _count(settings.model, "caption", None, None, str(error))
    spent = _text_flops(other, other.model, torch.device("cpu"))
    return _count(settings.model, "caption", _size(other.model), *spent)


def _text_flops(model: Any, module: torch.nn.Module, device: torch.device) -> tuple[int, str]:
    """Operations of a caption, and how long it is."""
    ids = towers.longest(model).to(device)
    remark = f"a caption of {ids.shape[1]} tokens; shorter ones cost less"
    return flops.of(lambda: model.encode(ids), module).total, remark


def captioner(settings: Caption) -> Count:
    """The captioner, for a snippet; of a model that writes only the parameters, if it is here."""
    if isinstance(settings, RulesCaption):
        return _count("rules", "snippet", 0, 0, "no model; its arithmetic is not counted")
    if isinstance(settings, FileCaption):
        return _count("file", "snippet", 0, 0, "the captions were there already")
    if not isinstance(settings, TransformersCaption):
        where = "on a server" if settings.backend == "endpoint" else "in another interpreter"
        remark = f"the model runs {where}, so it is not counted"
        return _count(settings.model, "snippet", None, None, remark)
    try:
        size = _writer_size(settings)
    except UserError as error:
        return _count(settings.model, "snippet", None, None, str(error))
    remark = "operations depend on the answer's length (benchmarks/caption_estimate.py)"
    return _count(settings.model, "snippet", size, None, remark)


def _writer_size(settings: TransformersCaption) -> int:
    """Parameters of a vision-language model, from its configuration alone."""
    import transformers  # noqa: PLC0415  (seconds, and most captioners need none of it)

    kind: Any = transformers.AutoModelForImageTextToText
    with pinned.loading(settings.model, settings.revision), META:
        where = pinned.where(settings.revision)
        config = transformers.AutoConfig.from_pretrained(settings.model, **where)
        return _size(kind.from_config(config))


def _on_meta(settings: Clip) -> ClipTextModel:
    """The whole model without memory for its weights; in fp32, where every operation exists."""
    exact = towers.untrained(settings).model_copy(update={"precision": "fp32"})
    with META:
        return ClipTextModel(exact, META)


def _size(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _of_neither_tower(model: torch.nn.Module) -> int:
    """Temperature and bias of CLIP's training."""
    own = [getattr(model, name, None) for name in ("logit_scale", "logit_bias")]
    return sum(p.numel() for p in own if isinstance(p, torch.nn.Parameter))


def _count(
    model: str, unit: str, parameters: int | None, operations: int | None, remark: str = ""
) -> Count:
    return {
        "model": model,
        "unit": unit,
        "parameters": parameters,
        "flops": operations,
        "remark": remark,
    }
