"""Text features by a model of the package sentence-transformers, an optional requirement."""

from typing import Any

import torch

from pipeline.config import SentenceTransformersText
from pipeline.encoders import pinned
from pipeline.encoders.precision import DTYPES
from pipeline.encoders.text.model import LONGEST, NO_TOKEN, Tokens, any_token
from pipeline.encoders.torchvision_guard import import_torchvision
from pipeline.errors import UserError


def width(settings: SentenceTransformersText) -> int:
    """D of the embeddings; the model is built for it, for its last modules may change D."""
    return int(_modules(settings, torch.device("cpu")).get_embedding_dimension())


class SentenceTransformersModel:
    """All modules of a sentence-transformers model, as its own `encode` runs them.

    A prompt that the model puts in front of every text by default is put there.
    """

    def __init__(self, settings: SentenceTransformersText, device: torch.device) -> None:
        self.model = _modules(settings, device)
        self.longest = min(self.model.max_seq_length or LONGEST, LONGEST)
        self.model.max_seq_length = self.longest
        name = self.model.default_prompt_name
        self.prompt = self.model.prompts[name] if name else None
        found = self._read("a", truncation=False)
        self.constants = {k: v for k, v in found.items() if not isinstance(v, torch.Tensor)}
        unknown = found.keys() - self.constants.keys() - {"attention_mask", "token_type_ids"}
        if unknown != {"input_ids"}:
            raise UserError(
                f"text.model: '{settings.model}' makes {sorted(found)} of a text, expected token "
                "ids; choose a model whose first module is a transformer"
            )
        self.tokenizer = self.model.tokenizer
        self.filling = self.tokenizer.pad_token_id or 0

    def tokens(self, text: str) -> Tokens:
        """Cut at the model's length, start and end kept; of an empty text one token at least."""
        ids = self._read(text, truncation=False)["input_ids"][0].tolist()
        if len(ids) <= self.longest:
            return Tokens(ids or [any_token(self.tokenizer)], len(ids))
        return Tokens(self._read(text, truncation=True)["input_ids"][0].tolist(), len(ids))

    def encode(self, ids: torch.Tensor) -> torch.Tensor:
        """See `model.TextModel`."""
        mask = ids != NO_TOKEN  # (n, L)
        ids = torch.where(mask, ids, self.filling)
        batch = {"input_ids": ids, "attention_mask": mask.long()} | self.constants
        return self.model(batch)["sentence_embedding"]  # type: ignore[no-any-return]

    def _read(self, text: str, *, truncation: bool) -> dict[str, Any]:
        how = {"text": {"truncation": truncation, "verbose": False}}
        return dict(self.model.preprocess([text], prompt=self.prompt, processing_kwargs=how))


def library() -> Any:
    """The package; raises `UserError` where it is not installed."""
    import_torchvision()  # before transformers loads a model class
    try:
        import sentence_transformers  # noqa: PLC0415  (an optional requirement)
    except ImportError as error:
        raise UserError(
            "text.encoder sentence_transformers needs the package sentence-transformers; "
            "`pip install -r requirements-sentence.txt`"
        ) from error
    return sentence_transformers


def _modules(settings: SentenceTransformersText, device: torch.device) -> Any:
    package = library()
    with pinned.loading(settings.model, settings.revision):
        model = package.SentenceTransformer(
            settings.model,
            device=str(device),
            trust_remote_code=False,
            **pinned.where(settings.revision),
        )
    return model.eval().requires_grad_(False).to(DTYPES[settings.precision])
