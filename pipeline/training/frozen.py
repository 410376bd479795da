"""CORE of a head that was trained elsewhere, put into a new head and kept as it is."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline import checkpoint
from pipeline.errors import UserError
from pipeline.models.head import Head

# What is frozen, by the beginning of the parameters' names. The paper: "category classifier and
# semantic embeddings"; the cross-attention and its norm as well is ours.
PARTS = {
    "classifier_and_prototypes": ("core.classifier.", "core.prototypes"),
    "core": ("core.",),
}


@dataclass(frozen=True)
class FrozenCore:
    """Parameters of the head in `folder` whose names begin as `parts` say, its `last` checkpoint.

    `digest` is that of the weights' bytes; `categories` are those that the parameters speak of.
    """

    folder: Path
    digest: str
    categories: tuple[str, ...]
    parts: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path, what: str) -> Self | None:
        """What of the head in `folder` is to be frozen (a key of `PARTS`); None if it has no CORE.

        Raises `UserError` when the folder holds no head.
        """
        head, config = checkpoint.load(folder, "last")
        parts = PARTS[what]
        if not any(name.startswith(parts) for name, _ in head.named_parameters()):
            return None
        whole = (folder / "last.safetensors").read_bytes()
        return cls(folder, hashlib.sha256(whole).hexdigest(), tuple(config.categories), parts)

    def put_into(self, head: Head) -> None:
        """Give `head` these parameters, and let no gradient change them."""
        source, _ = checkpoint.load(self.folder, "last")
        theirs, own = dict(source.named_parameters()), dict(head.named_parameters())
        for name in (name for name in theirs if name.startswith(self.parts)):
            if name not in own or own[name].shape != theirs[name].shape:
                raise UserError(
                    f"{self.folder}: its {name} {tuple(theirs[name].shape)} has no place in a head "
                    "of the present settings; train it with the same width (`dvc repro`)"
                )
            own[name].data.copy_(theirs[name].data)
            own[name].requires_grad_(False)
