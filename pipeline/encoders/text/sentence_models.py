"""Other text encoders than CLIP's: any of transformers, or of sentence-transformers."""

from typing import Any

import torch
from transformers.utils import logging

from pipeline.config import OtherText, SentenceTransformersText, TransformersText
from pipeline.digests import installed
from pipeline.encoders import pinned
from pipeline.encoders.text import sentence_transformers_model, transformers_model
from pipeline.encoders.text.model import TextModel

VERSION = 1  # raise when text features change for the same settings and captions


def identity(settings: OtherText) -> dict[str, Any]:
    """All that decides the embedding of a text, for a piece's key; reads a local model's files."""
    packages = ["torch", "transformers", "tokenizers"]
    if isinstance(settings, SentenceTransformersText):
        sentence_transformers_model.library()
        packages.append("sentence-transformers")
    return {
        "encoder": settings.encoder,
        "model": pinned.identity(settings.model, settings.revision),
        "pooling": settings.pooling if isinstance(settings, TransformersText) else None,
        "precision": settings.precision,
        "libraries": installed(*packages),
    }


def width(settings: OtherText) -> int:
    """D of the embeddings, known without embedding anything."""
    if isinstance(settings, TransformersText):
        return transformers_model.width(settings)
    return sentence_transformers_model.width(settings)


def build(settings: OtherText, device: torch.device) -> TextModel:
    """The model on `device`, its weights in `settings.precision`.

    Raises `UserError` for one that is no text encoder. On a CPU the process keeps to one thread,
    as `clip.build` says.
    """
    if device.type == "cpu":
        torch.set_num_threads(1)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # a line a worker
    if isinstance(settings, TransformersText):
        return transformers_model.TransformersModel(settings, device)
    return sentence_transformers_model.SentenceTransformersModel(settings, device)
