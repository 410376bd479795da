"""CLIP's image and text towers, through open_clip.

One code path for OpenAI's ViT-L/14 and for the small randomly initialised model of the demo
(`clip_models/tiny.json`). The call that builds an encoder is made in a worker process; see
`pipeline.engine`.
"""

import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from PIL import Image

from pipeline import tables
from pipeline.config import Clip
from pipeline.devices import pick_device
from pipeline.digests import installed, sha256_of
from pipeline.encoders.torchvision_guard import import_torchvision
from pipeline.errors import UserError

import_torchvision()
import open_clip  # noqa: E402  (the guard must run first)

IMAGE_VERSION = 1  # raise when image features change for the same settings and frames
TEXT_VERSION = 1  # raise when text features change for the same settings and captions
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


def identity(settings: Clip) -> dict[str, Any]:
    """All that decides the encoder's features, for a piece's key.

    The model's configuration and not its name alone; of a local checkpoint its content.
    """
    local = Path(settings.pretrained)
    return {
        "config": model_config(settings),
        "pretrained": sha256_of(local) if local.is_file() else settings.pretrained,
        "seed": settings.seed if settings.pretrained == RANDOM else None,
        "libraries": installed("open_clip_torch", "torch", "pillow"),
    }


def feature_width(settings: Clip) -> int:
    """D of both towers, read from the configuration without building the model."""
    return int(model_config(settings)["embed_dim"])


def build(settings: Clip, device: torch.device) -> tuple[Any, Any]:
    """(model in eval mode on `device`, image preprocessing).

    Random weights are the same for the same `settings.seed` on every machine. On a CPU the process
    keeps to one thread: workers are processes, and features do not depend on their number.
    """
    model_config(settings)
    if device.type == "cpu":
        torch.set_num_threads(1)
    pretrained = None if settings.pretrained == RANDOM else settings.pretrained
    if pretrained is None:  # open_clip would warn of what was asked for
        logging.getLogger().addFilter(_not_about_random_weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model, _, preprocess = open_clip.create_model_and_transforms(
            settings.model, pretrained=pretrained, device=device
        )
    return model.eval().requires_grad_(False), preprocess


def _not_about_random_weights(record: logging.LogRecord) -> bool:
    return "No pretrained weights loaded" not in record.getMessage()


class ImageEncoder:
    """From a frames piece (schema `tables.FRAMES`) to one feature a snippet.

    Each frame's embedding is L2-normalised, then averaged over the snippet's frames.
    """

    def __init__(self, settings: Clip, device: str, batch_size: int) -> None:
        self.device = pick_device(device)
        self.batch_size = batch_size
        self.model, self.preprocess = build(settings, self.device)

    def __call__(self, frames: Path) -> pa.Table:
        """Features (T, D) of the video whose frames lie at that path."""
        table = tables.read(frames, tables.FRAMES)
        index, jpegs = (table.column(name).to_pylist() for name in ("frame_index", "image"))
        distinct = {
            number: jpeg
            for numbers, images in zip(index, jpegs, strict=True)
            for number, jpeg in zip(numbers, images, strict=True)
        }
        row_of = {number: row for row, number in enumerate(distinct)}
        embedded = self._embed(list(distinct.values()))
        rows = np.array([[row_of[number] for number in numbers] for numbers in index])
        return feature_table(embedded[rows].mean(axis=1))

    @torch.no_grad()
    def _embed(self, jpegs: Sequence[bytes]) -> npt.NDArray[np.float32]:
        """Unit embeddings (N, D) of N encoded images."""
        parts = []
        for start in range(0, len(jpegs), self.batch_size):
            batch = torch.stack(
                [
                    self.preprocess(Image.open(io.BytesIO(jpeg)))
                    for jpeg in jpegs[start : start + self.batch_size]
                ]
            )
            embedded = self.model.encode_image(batch.to(self.device), normalize=True)
            parts.append(embedded.float().cpu().numpy())
        return np.concatenate(parts)


class TextEncoder:
    """From a video's captions to one L2-normalised feature a snippet."""

    def __init__(self, settings: Clip, device: str) -> None:
        self.device = pick_device(device)
        self.model, _ = build(settings, self.device)
        self.tokenizer = open_clip.get_tokenizer(settings.model)

    @torch.no_grad()
    def __call__(self, captions: Sequence[str]) -> pa.Table:
        """Features (T, D). Captions beyond the context length are cut, keeping the end token."""
        tokens = self.tokenizer(list(captions)).to(self.device)
        embedded = self.model.encode_text(tokens, normalize=True)
        return feature_table(embedded.float().cpu().numpy())


class TokenCounter:
    """How many of CLIP's tokens a caption takes, start and end included."""

    def __init__(self, settings: Clip) -> None:
        self.context_length = int(model_config(settings)["text_cfg"].get("context_length", 77))
        self.tokenizer = open_clip.get_tokenizer(settings.model)

    def __call__(self, caption: str) -> tuple[int, bool]:
        """(number of tokens, whether the text tower will see only a part)."""
        count = len(self.tokenizer.encode(caption)) + 2
        return count, count > self.context_length


def feature_table(features: npt.NDArray[np.float32]) -> pa.Table:
    """Features (T, D) as a table of schema `tables.feature_piece(D)`."""
    n_snippets, width = features.shape
    flat = pa.array(np.ascontiguousarray(features, dtype=np.float32).ravel())
    snippet = pa.array(np.arange(n_snippets, dtype=np.int16))
    column = pa.FixedSizeListArray.from_arrays(flat, width)
    schema = tables.feature_piece(width)
    return pa.table([snippet, column.cast(schema.field("feature").type)], schema=schema)
