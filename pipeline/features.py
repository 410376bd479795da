"""Feature tables and manifest, joined into what a head is trained on and judged by."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from pipeline import tables
from pipeline.errors import UserError
from pipeline.models.head import FeatureLayout, Targets


@dataclass(frozen=True)
class VideoFeatures:
    """N videos: `features` (N, T, D), `labels` (N, C) multi-hot, and their manifest rows."""

    features: Tensor
    labels: Tensor
    rows: list[dict[str, Any]]
    layout: FeatureLayout

    def numbers(self, *splits: str) -> list[int]:
        """The numbers of the videos of one split, or of several, in their order."""
        return [i for i, row in enumerate(self.rows) if row["split"] in splits]

    def learned_from(self, index: Sequence[int], modalities: Sequence[str]) -> str:
        """A digest of all that a head of these modalities can learn from these videos in order."""
        return self._digest(index, [self._labels, *(self._features[name] for name in modalities)])

    def judged_by(self, index: Sequence[int], modalities: Sequence[str]) -> str:
        """As `learned_from`, and of the frames, events and categories that it is judged by."""
        own = [self._labels, self._judged, *(self._features[name] for name in modalities)]
        return self._digest(index, own)

    def _digest(self, index: Sequence[int], parts: Sequence[Sequence[str]]) -> str:
        named = [self.layout.categories, [[part[i] for part in parts] for i in index]]
        return _sha256(json.dumps(named).encode())

    @cached_property
    def _features(self) -> dict[str, list[str]]:
        """By modality, a digest of each video's features."""
        widths = self.layout.widths
        parts = torch.split(self.features, list(widths.values()), -1)
        return {
            name: [f"{tuple(own.shape)} {_sha256(own.numpy().tobytes())}" for own in part]
            for name, part in zip(widths, parts, strict=True)
        }

    @cached_property
    def _labels(self) -> list[str]:
        return [_sha256(own.numpy().tobytes()) for own in self.labels]

    @cached_property
    def _judged(self) -> list[str]:
        names = ("video_id", "n_frames", "categories", "events")
        return [_sha256(json.dumps([row[n] for n in names]).encode()) for row in self.rows]

    def select(self, index: Sequence[int]) -> Self:
        """The videos of these numbers, in the order given; a copy."""
        rows = [self.rows[i] for i in index]
        chosen = torch.tensor(index, dtype=torch.long)
        return type(self)(self.features[chosen], self.labels[chosen], rows, self.layout)

    @property
    def targets(self) -> Targets:
        """What training is told of them."""
        return Targets.of(self.labels)

    def only(self, modalities: Sequence[str]) -> Self:
        """The same videos, of which the features of these modalities alone are seen.

        Raises `UserError` naming one that the dataset does not have.
        """
        widths, layout = self.layout.widths, self.layout.only(modalities)
        if list(modalities) == list(widths):
            return self
        parts = dict(
            zip(widths, torch.split(self.features, list(widths.values()), -1), strict=True)
        )
        chosen = torch.cat([parts[name] for name in modalities], dim=-1)
        return type(self)(chosen, self.labels, self.rows, layout)

    def split(self, *names: str) -> Self:
        """The videos of one split, or of several, in the same order."""
        return self.select(self.numbers(*names))


def load(manifest: Path, modalities: Mapping[str, Path]) -> VideoFeatures:
    """Join the feature tables of `modalities` (name -> path) on the videos that all of them hold.

    Features are concatenated in the order of `modalities`. Raises `UserError` when no video is
    left, or when tables have different numbers of snippets.
    """
    categories = tables.metadata(manifest)["categories"]
    parts = {name: tables.read_features(path) for name, path in modalities.items()}
    lengths = {name: features.shape[1] for name, (_, features, _) in parts.items()}
    if len(set(lengths.values())) > 1:
        raise UserError(f"feature tables have different numbers of snippets a video: {lengths}")
    row_of = {name: {v: i for i, v in enumerate(ids)} for name, (ids, _, _) in parts.items()}
    rows = [
        row
        for row in tables.iterate_rows(tables.read(manifest, tables.MANIFEST))
        if row["status"] in tables.USABLE
        and all(row["video_id"] in known for known in row_of.values())
    ]
    if not rows:
        raise UserError(f"{manifest} and {[str(p) for p in modalities.values()]} share no video")
    widths = {name: features.shape[2] for name, (_, features, _) in parts.items()}
    layout = FeatureLayout(widths, categories, next(iter(lengths.values())))
    joined = torch.empty(len(rows), layout.n_snippets, layout.width)
    first = 0
    for name, width in widths.items():
        _, features, _ = parts.pop(name)  # freed once it is copied
        own = joined[..., first : first + width].numpy()
        for i, row in enumerate(rows):  # a copy by index would be a second table in memory
            own[i] = features[row_of[name][row["video_id"]]]
        first += width
    return VideoFeatures(joined, _labels(rows, categories), rows, layout)


def _labels(rows: list[dict[str, Any]], categories: list[str]) -> Tensor:
    """Multi-hot labels (N, C)."""
    labels = torch.zeros(len(rows), len(categories))
    for i, row in enumerate(rows):
        for name in row["categories"]:
            if name not in categories:
                raise UserError(
                    f"{row['video_id']} has category '{name}', which the dataset does not list "
                    f"({', '.join(categories)}); `dvc repro -f manifest`"
                )
            labels[i, categories.index(name)] = 1
    return labels


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
