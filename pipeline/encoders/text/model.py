"""What every text encoder does: a text to tokens, a batch of tokens to embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

NO_TOKEN = -1  # what fills the rows of a batch up to its longest; no vocabulary has it

# Tokens of a text at most, whatever a model could read: a caption beyond is no caption, and a model
# for long documents would take minutes over it.
LONGEST = 512


@dataclass(frozen=True)
class Tokens:
    """A text as an encoder reads it.

    `seen` are the ids that the encoder is given, start and end included, cut to fit; `count` is the
    number of tokens of the whole text.
    """

    seen: Sequence[int]
    count: int

    @property
    def truncated(self) -> bool:
        """Whether the encoder sees only a part of the text."""
        return self.count > len(self.seen)


class TextModel(Protocol):
    """An encoder of texts on one device.

    A row's embedding may depend on the batch's length and size in its last bits, on nothing else.
    """

    def tokens(self, text: str) -> Tokens:
        """The text's tokens, at least one; raises what the tokenizer raises for what is no text."""

    def encode(self, ids: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, D) of tokens (n, L), whose rows end in `NO_TOKEN` where they are short."""


def one_row(tokens: Tokens) -> torch.Tensor:
    """A text's tokens as a batch of its own length."""
    return torch.tensor([list(tokens.seen)], dtype=torch.int64)  # (1, L)


def filled(batches: Sequence[torch.Tensor]) -> torch.Tensor:
    """Token batches (n_i, L_i) as one, as long as the longest."""
    longest = max(batch.shape[1] for batch in batches)
    rows = [
        torch.nn.functional.pad(batch, (0, longest - batch.shape[1]), value=NO_TOKEN)
        for batch in batches
    ]
    return torch.cat(rows)  # (n, L)


def any_token(tokenizer: Any) -> int:
    """What stands for an empty text, where a transformers tokenizer marks neither start nor end."""
    marks = (tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id)
    return next((mark for mark in marks if mark is not None), 0)
