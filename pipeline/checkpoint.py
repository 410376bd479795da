"""A trained head on disk: `config.json` and one safetensors file a checkpoint."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save

from pipeline.atomic import atomic_path, write_text
from pipeline.config import Features, head_settings
from pipeline.errors import UserError
from pipeline.models.head import FeatureLayout, Head
from pipeline.models.registry import build

CHECKPOINTS = ("last", "best_on_validation", "best_on_test")
UNTRAINED = "untrained.json"


@dataclass(frozen=True)
class ModelConfig:
    """All that is needed to rebuild a head and to know what it was trained on.

    `head` is its name, `settings` its block of `params.yaml`; `decode` says how frames were
    sampled, `encoders` what made the features of each modality (see `pipeline.made_by`): a head
    means nothing on features of others.
    """

    head: str
    seed: int
    dataset: str
    features: dict[str, Any]
    settings: dict[str, Any]
    train: dict[str, Any]
    widths: dict[str, int]
    categories: list[str]
    n_snippets: int
    decode: dict[str, Any]
    encoders: dict[str, Any]

    @property
    def layout(self) -> FeatureLayout:
        """What the head expects as input."""
        return FeatureLayout(self.widths, self.categories, self.n_snippets)

    def build(self) -> Head:
        """The head, randomly initialised from torch's current random state."""
        settings = head_settings(self.head, self.settings)
        return build(self.head, self.layout, Features.model_validate(self.features), settings)


def save_config(folder: Path, config: ModelConfig) -> None:
    """Write `config.json`."""
    write_text(folder / "config.json", json.dumps(asdict(config), indent=2) + "\n")


def save_weights(folder: Path, checkpoint: str, weights: dict[str, torch.Tensor]) -> None:
    """Write `<checkpoint>.safetensors` atomically."""
    with atomic_path(folder / f"{checkpoint}.safetensors") as temporary:
        temporary.write_bytes(save(weights))


def save_reason(folder: Path, reason: str) -> None:
    """Write, in place of weights, why nothing could be trained."""
    write_text(folder / UNTRAINED, json.dumps({"reason": reason}, indent=2) + "\n")


def why_untrained(folder: Path) -> str | None:
    """The reason that `save_reason` wrote; None where a head was trained."""
    path = folder / UNTRAINED
    return str(json.loads(path.read_text(encoding="utf-8"))["reason"]) if path.exists() else None


def saved(folder: Path) -> list[str]:
    """The checkpoints that a folder has, in the order of `CHECKPOINTS`."""
    return [name for name in CHECKPOINTS if (folder / f"{name}.safetensors").exists()]


def load(folder: Path, checkpoint: str) -> tuple[Head, ModelConfig]:
    """The head in eval mode and its config; raises `UserError` naming what is absent."""
    paths = folder / "config.json", folder / f"{checkpoint}.safetensors"
    for path in paths:
        if not path.exists():
            raise UserError(f"{path} does not exist; `dvc repro train` writes it")
    try:
        config = ModelConfig(**json.loads(paths[0].read_text(encoding="utf-8")))
    except TypeError as error:
        raise UserError(
            f"{paths[0]} was written by another version ({error}); `dvc repro` trains it anew"
        ) from error
    weights = load_file(paths[1])
    head = config.build()
    head.load_state_dict(weights)
    return head.eval(), config
