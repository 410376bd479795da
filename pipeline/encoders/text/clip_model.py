"""CLIP's text tower: captions to tokens, tokens to embeddings."""

from typing import Any

import torch
from tokenizers.models import BPE

from pipeline.config import Clip
from pipeline.encoders import clip
from pipeline.encoders.text.model import NO_TOKEN, Tokens

import open_clip  # isort: skip  (clip.py has made torchvision importable)
from open_clip.transformer import text_global_pool  # isort: skip

VERSION = 3  # raise when text features change for the same settings and captions


def tokenizer(settings: Clip) -> Any:
    """CLIP's own tokenizer, its merging of characters to tokens replaced by a fast one.

    The original takes time with the square of a word's length: minutes for a caption of some
    thousand Chinese characters, which it holds to be one word. The tokens are the same, but that
    `<start_of_text>` and `<end_of_text>` in a caption stay text: the second would end it.
    """
    own = open_clip.get_tokenizer(settings.model)
    words = BPE(own.encoder, list(own.bpe_ranks), end_of_word_suffix="</w>")
    own.bpe = lambda word: " ".join(token.value for token in words.tokenize(word))
    return own


class ClipTextModel:
    """The text tower of `settings`; see `model.TextModel`.

    Tokens attend to earlier ones alone and the end token is what counts, so that a batch needs to
    be no longer than its longest text: a quarter of the 77 that the original always computes.
    """

    def __init__(self, settings: Clip, device: torch.device) -> None:
        self.model = clip.build(settings, device)
        self.tokenizer = tokenizer(settings)
        self.context_length = clip.context_length(settings)
        self.cuttable = _reads_backwards_only(self.model)

    def tokens(self, text: str) -> Tokens:
        """Cut at the context length, the end token kept."""
        start, end = self.tokenizer.sot_token_id, self.tokenizer.eot_token_id
        ids = [start, *self.tokenizer.encode(text), end]
        if len(ids) <= self.context_length:
            return Tokens(ids, len(ids))
        return Tokens([*ids[: self.context_length - 1], end], len(ids))

    def encode(self, ids: torch.Tensor) -> torch.Tensor:
        """See `model.TextModel`."""
        if not self.cuttable:
            missing = self.context_length - ids.shape[1]
            ids = torch.nn.functional.pad(ids, (0, missing), value=NO_TOKEN)
        ids = ids.clamp(min=0)  # as CLIP's tokenizer fills rows
        encode = _encode_text if self.cuttable else type(self.model).encode_text
        embeddings: torch.Tensor = encode(self.model, ids)
        return embeddings


def _reads_backwards_only(model: Any) -> bool:
    pools_end = getattr(model, "text_pool_type", None) in ("argmax", "eos")
    return isinstance(model, open_clip.CLIP) and pools_end and model.attn_mask is not None


def _encode_text(model: Any, ids: torch.Tensor) -> Any:
    """open_clip's `CLIP.encode_text` for rows shorter than the context length."""
    length = ids.shape[1]
    kind = model.transformer.get_cast_dtype()
    x = model.token_embedding(ids).to(kind) + model.positional_embedding[:length].to(kind)
    x = model.transformer(x, attn_mask=model.attn_mask[:length, :length])  # (n, L, width)
    end = getattr(model, "text_eos_id", None)
    x = text_global_pool(model.ln_final(x), ids, model.text_pool_type, eos_token_id=end)
    projection = model.text_projection
    if isinstance(projection, torch.nn.Linear):
        return projection(x)
    return x if projection is None else x @ projection  # (n, D)
