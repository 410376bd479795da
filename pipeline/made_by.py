"""What made a table of captions or features: its settings, kept in the table and compared.

Captions of two models, or features of two encoders, are different languages. A head trained on one
and run on the other gives numbers without a meaning and no error; so tables and heads
say what made them, and whoever joins two of them asks.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import tables
from pipeline.config import Caption, Clip, TextFeatures
from pipeline.errors import UserError

Settings = dict[str, Any]
MODELS = "models"


def captions(caption: Caption) -> Settings:
    """What made a caption table."""
    return {"caption": caption.model_dump()}


def image_features(clip: Clip) -> Settings:
    """What made a table of image features."""
    return {"clip": clip.model_dump()}


def text_features(caption: Caption, text: TextFeatures, clip: Clip) -> Settings:
    """What made a table of text features: `clip` only where its text tower did."""
    tower = image_features(clip) if text.encoder == "clip" else {}
    return captions(caption) | {"text": text.model_dump()} | tower


def features(
    clip: Clip, caption: Caption, text: TextFeatures, brings: Sequence[str]
) -> dict[str, Settings]:
    """What made the feature table of each modality; `brings` are those the dataset brings."""
    if brings:
        return {modality: brought(modality) for modality in brings}
    return {"image": image_features(clip), "text": text_features(caption, text, clip)}


def brought(modality: str) -> Settings:
    """What is known of features that came with the dataset."""
    return {"brought": modality}


def with_models(settings: Settings, models: Mapping[str, Any]) -> Settings:
    """`settings` as a table keeps them, with the identity of each model that is not None.

    By name: a folder's is the digest of its files, for its path stays when they change.
    """
    return settings | {MODELS: {name: own for name, own in models.items() if own is not None}}


def models_of(table: Mapping[str, Any]) -> Settings:
    """The models that made a table, from what `check_table` gave."""
    return dict(table.get(MODELS, {}))


def check_table(path: Path, expected: Mapping[str, Any], command: str) -> Settings:
    """What the table at `path` says of what made it, its models included.

    Raises `UserError` unless that is the settings `expected`; `command` makes it anew. Whether a
    folder still holds the model that it held is not asked: that takes reading it.
    """
    found = tables.metadata(path).get("made_by")
    if found is None:
        raise UserError(f"{path} does not say what made it; `{command}` makes it anew")
    settings = {name: own for name, own in found.items() if name != MODELS}
    if differences := compare(settings, expected):
        raise UserError(
            f"{path} was not made by what params.yaml says now; the two must not be mixed:\n"
            f"{differences}\n`{command}` makes it anew (what was computed before is reused)"
        )
    return dict(found)


def compare(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """Each setting that differs, a line each; nothing where there is none."""
    before, now = _flat(found), _flat(expected)
    lines = [
        f"  {key}: {_told(before, key)} there, {_told(now, key)} here"
        for key in sorted(before.keys() | now.keys())
        if _told(before, key) != _told(now, key)
    ]
    return "\n".join(lines)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat


def _told(settings: Mapping[str, Any], key: str) -> str:
    return json.dumps(settings[key], ensure_ascii=False) if key in settings else "nothing"
