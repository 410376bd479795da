"""Text features by a plain transformers model: its last layer, pooled."""

from typing import Any

import torch
import transformers

from pipeline.config import TransformersText
from pipeline.encoders import pinned
from pipeline.encoders.precision import DTYPES
from pipeline.encoders.text.model import LONGEST, NO_TOKEN, Tokens, any_token
from pipeline.encoders.torchvision_guard import import_torchvision
from pipeline.errors import UserError

import_torchvision()  # before transformers loads a model class


def width(settings: TransformersText) -> int:
    """D of the embeddings, read from the model's configuration."""
    return int(_config(settings).hidden_size)


class TransformersModel:
    """The last layer of a transformers model, pooled over a text's tokens.

    Of a model with a decoder the encoder is used.
    """

    def __init__(self, settings: TransformersText, device: torch.device) -> None:
        config = _config(settings)
        self.tokenizer = _loaded(settings, transformers.AutoTokenizer)
        model = _complete(settings, config)
        if config.is_encoder_decoder:
            model = model.get_encoder()
        self.model = model.eval().requires_grad_(False).to(device)
        self.longest = _longest(self.tokenizer.model_max_length, model, config)
        self.pool = POOLINGS[settings.pooling]
        self.filling = self.tokenizer.pad_token_id or 0

    def tokens(self, text: str) -> Tokens:
        """Cut at the model's length, start and end kept; of an empty text one token at least.

        As in the model's own use, its special tokens written out in a caption count as such.
        """
        ids = self.tokenizer(text, verbose=False)["input_ids"]
        if len(ids) <= self.longest:
            return Tokens(ids or [any_token(self.tokenizer)], len(ids))
        cut = self.tokenizer(text, truncation=True, max_length=self.longest)["input_ids"]
        return Tokens(cut, len(ids))

    def encode(self, ids: torch.Tensor) -> torch.Tensor:
        """See `model.TextModel`."""
        mask = ids != NO_TOKEN  # (n, L)
        ids = torch.where(mask, ids, self.filling)
        states = self.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        return self.pool(states.float(), mask)  # (n, D)


def _mean(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    weights = mask[..., None].float()
    return (states * weights).sum(dim=1) / weights.sum(dim=1)


def _first(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return states[:, 0]


def _last(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    rows = torch.arange(len(states), device=states.device)
    return states[rows, mask.sum(dim=1) - 1]


# From the last layer (n, L, D) and which tokens are the text's (n, L) to (n, D); fillings stand
# at the end of a row.
POOLINGS = {"mean": _mean, "first": _first, "last": _last}


def _config(settings: TransformersText) -> Any:
    config = _loaded(settings, transformers.AutoConfig)
    if not isinstance(getattr(config, "hidden_size", None), int):
        raise UserError(
            f"text.model: '{settings.model}' ({config.model_type}) has no single width of its "
            "tokens; choose a model of text alone"
        )
    return config


def _complete(settings: TransformersText, config: Any) -> Any:
    """The model, none of whose weights in use is missing: transformers would draw them at random
    and only warn.
    """
    model, found = _loaded(
        settings,
        transformers.AutoModel,
        dtype=DTYPES[settings.precision],
        output_loading_info=True,
    )
    unused = ("pooler.", "decoder.") if config.is_encoder_decoder else ("pooler.",)
    missing = sorted(key for key in found["missing_keys"] if not key.startswith(unused))
    if missing:
        raise UserError(
            f"text.model: the weights of '{settings.model}' lack {missing[0]} and "
            f"{len(missing) - 1} more; choose a whole model"
        )
    return model


def _loaded(settings: TransformersText, kind: Any, **how: Any) -> Any:
    with pinned.loading(settings.model, settings.revision):
        return kind.from_pretrained(settings.model, **pinned.where(settings.revision), **how)


def _longest(tokenizer_says: float, model: torch.nn.Module, config: Any) -> int:
    """Tokens that the model can read of a text, start and end included."""
    positions = getattr(config, "max_position_embeddings", None) or LONGEST
    for name, table in model.named_modules():
        # RoBERTa and its kin count positions from behind that of the padding token.
        if name.endswith("position_embeddings") and getattr(table, "padding_idx", None) is not None:
            positions = table.num_embeddings - table.padding_idx - 1
    return int(min(tokenizer_says, positions, LONGEST))
