"""CLIP through open_clip: which model, what decides its features, and building it.

One code path for OpenAI's ViT-L/14 and for the small randomly initialised model of the demo
(`clip_models/tiny.json`). The towers at work: `images.py`, `text/`.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from pipeline import tables
from pipeline.config import Clip
from pipeline.digests import installed, sha256_of
from pipeline.encoders.preprocess import Preprocess
from pipeline.encoders.torchvision_guard import import_torchvision
from pipeline.errors import UserError

import_torchvision()
import open_clip  # noqa: E402  (the guard must run first)
from open_clip.transform import PreprocessCfg, merge_preprocess_dict  # noqa: E402

IMAGE_VERSION = 2  # raise when image features change for the same settings and frames
RANDOM = "random"  # value of `clip.pretrained` for untrained, seeded weights

open_clip.add_model_config(Path(__file__).parent / "clip_models")


def model_config(settings: Clip) -> dict[str, Any]:
    """open_clip's configuration of the model; raises `UserError` for an unknown or unfit one."""
    config = open_clip.get_model_config(settings.model)
    if config is None:
        raise UserError(
            f"clip.model: open_clip knows no model '{settings.model}' "
            "(known: python -c 'import open_clip; print(open_clip.list_models())')"
        )
    if "hf_tokenizer_name" in config["text_cfg"]:
        raise UserError(
            f"clip.model: '{settings.model}' has a tokenizer of its own, which is not supported; "
            "choose a model with CLIP's"
        )
    if settings.pretrained == "openai" and not config.get("quick_gelu"):
        raise UserError(f"clip.model: '{settings.model}' has plain GELU, OpenAI's weights do not")
    return dict(config)


def preprocess(settings: Clip) -> Preprocess:
    """How the model's images are prepared, known without building it."""
    tagged = open_clip.get_pretrained_cfg(settings.model, settings.pretrained) or {}
    config = merge_preprocess_dict(PreprocessCfg(), tagged)
    size = model_config(settings)["vision_cfg"].get("image_size", config["size"])
    return Preprocess.of(config | {"size": size}, settings.model)


def identity(settings: Clip) -> dict[str, Any]:
    """All that decides a tower's embeddings of its input, for a piece's key.

    The model's configuration and not its name alone; of a local checkpoint its content.
    """
    local = Path(settings.pretrained)
    return {
        "config": model_config(settings),
        "pretrained": sha256_of(local) if local.is_file() else settings.pretrained,
        "seed": settings.seed if settings.pretrained == RANDOM else None,
        "precision": settings.precision,
        "libraries": installed("open_clip_torch", "torch"),
    }


def image_identity(settings: Clip) -> dict[str, Any]:
    """All that decides the image features of given frames, for a piece's key."""
    libraries = {"preprocess": preprocess(settings).identity()} | installed("simplejpeg")
    return identity(settings) | libraries


def feature_width(settings: Clip) -> int:
    """D of both towers, read from the configuration without building the model."""
    return int(model_config(settings)["embed_dim"])


def context_length(settings: Clip) -> int:
    """Tokens that the text tower reads of a caption, start and end included."""
    return int(model_config(settings)["text_cfg"].get("context_length", 77))


def build(settings: Clip, device: torch.device) -> Any:
    """The model in eval mode on `device`, its weights in `settings.precision`.

    Weights are cast once, the LayerNorms but kept in fp32 (open_clip's `precision`).
    Autocast, which casts frozen weights again in every call, gave embeddings as far from fp32
    at up to six times the time. Random weights are the same for the same `settings.seed` on every
    machine. On a CPU the process keeps to one thread: workers are processes, and features do
    not depend on their number. On a GPU fp32 is fp32: convolutions do not use TF32.
    """
    model_config(settings)
    if device.type == "cpu":
        torch.set_num_threads(1)
    else:
        torch.backends.cudnn.allow_tf32 = False
    pretrained = None if settings.pretrained == RANDOM else settings.pretrained
    if pretrained is None:  # open_clip would warn of what was asked for
        logging.getLogger().addFilter(_not_about_random_weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = open_clip.create_model(
            settings.model, pretrained=pretrained, precision=settings.precision, device=device
        )
    _check_preprocess(settings, model)
    return model.eval().requires_grad_(False)


def _check_preprocess(settings: Clip, model: Any) -> None:
    """What the cache key says must be what the built model expects."""
    built = Preprocess.of(model.visual.preprocess_cfg, settings.model)
    if built != preprocess(settings):
        raise UserError(
            f"clip.model: '{settings.model}' expects images prepared as {built}, but its "
            f"configuration says {preprocess(settings)}; choose another model"
        )


def _not_about_random_weights(record: logging.LogRecord) -> bool:
    return "No pretrained weights loaded" not in record.getMessage()


def feature_table(features: npt.NDArray[np.float32]) -> pa.Table:
    """Features (T, D) as a table of schema `tables.feature_piece(D)`."""
    n_snippets, width = features.shape
    flat = pa.array(np.ascontiguousarray(features, dtype=np.float32).ravel())
    snippet = pa.array(np.arange(n_snippets, dtype=np.int16))
    column = pa.FixedSizeListArray.from_arrays(flat, width)
    schema = tables.feature_piece(width)
    return pa.table([snippet, column.cast(schema.field("feature").type)], schema=schema)
