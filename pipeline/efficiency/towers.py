"""The encoders' models as they are counted and timed, and what is asked of them.

CLIP's weights are drawn at random here, whatever `clip.pretrained`: neither counts nor times
depend on their values, and no download is needed.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from pipeline.config import Clip, ClipText, Features, TextFeatures
from pipeline.encoders import clip
from pipeline.encoders.captioners import rules
from pipeline.encoders.captioners.snippets import CaptionSource, read
from pipeline.encoders.precision import DTYPES
from pipeline.encoders.text import clip_model, sentence_models
from pipeline.encoders.text.model import TextModel
from pipeline.models import registry
from pipeline.models.head import FeatureLayout
from pipeline.video.cues import measure

TOKENS = 77  # of a caption, start and end included: what CLIP reads at most
WORD = "scene "

# From how many at a time (videos, frames, captions) to the call that computes them.
Prepared = Callable[[int], Callable[[], object]]


def head(
    name: str, layout: FeatureLayout, features: Features, settings: Any, device: torch.device
) -> Prepared:
    """A new head, and videos' features (n, T, D) that lie on the device."""
    built = registry.build(name, layout, features, settings).to(device).eval()
    return lambda n: partial(built, torch.randn(n, layout.n_snippets, layout.width, device=device))


def image_tower(settings: Clip, device: torch.device) -> Prepared:
    """CLIP's image tower, and frames prepared for it that lie on the device."""
    model, side = clip.build(untrained(settings), device), clip.preprocess(settings).size
    shape, dtype = (3, side, side), DTYPES[settings.precision]
    return lambda n: partial(model.encode_image, torch.randn(n, *shape, device=device).to(dtype))


def text_tower(settings: TextFeatures, tower: Clip, device: torch.device) -> Prepared:
    """The text encoder, and captions' tokens (n, `TOKENS`) that lie on the device."""
    model = text_model(settings, tower, device)
    ids = longest(model).to(device)
    return lambda n: partial(model.encode, ids.expand(n, -1))


def rule_captions(frames: Path, device: torch.device) -> Prepared:
    """The captioner `rules` on a video's sampled frames, JPEG and all; never on a GPU."""
    snippets = read(CaptionSource("", frames)).images
    return lambda n: lambda: [rules.describe(measure(jpegs)) for jpegs in [*snippets] * n]


def untrained(settings: Clip) -> Clip:
    """The same model with weights drawn at random."""
    return settings.model_copy(update={"pretrained": clip.RANDOM})


def text_model(settings: TextFeatures, tower: Clip, device: torch.device) -> TextModel:
    """The text encoder of `settings`; `tower` is the CLIP of `encoder: clip`.

    Raises `UserError` for another encoder that is not to be had.
    """
    if isinstance(settings, ClipText):
        return clip_model.ClipTextModel(untrained(tower), device)
    return sentence_models.build(settings, device)


def longest(model: TextModel) -> torch.Tensor:
    """The tokens of a caption of `TOKENS` tokens, fewer where the encoder reads fewer: (1, L)."""
    return torch.tensor([list(model.tokens(WORD * TOKENS).seen)[:TOKENS]])
