"""Feature tables and manifest, joined into what a head is trained on and judged by."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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

    @cached_property
    def digests(self) -> list[str]:
        """A digest of each video: of all that a head learns from it or is judged by."""
        return [self._digest(number) for number in range(len(self.rows))]

    def _digest(self, number: int) -> str:
        row = self.rows[number]
        judged = [row[name] for name in ("video_id", "split", "n_frames", "categories", "events")]
        named = json.dumps([judged, self.layout.widths, self.layout.categories])
        digest = hashlib.sha256(named.encode())
        digest.update(self.features[number].numpy().tobytes())
        digest.update(self.labels[number].numpy().tobytes())
        return digest.hexdigest()

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
        widths = self.layout.widths
        for name in modalities:
            if name not in widths:
                raise UserError(f"there are no {name} features here (found: {', '.join(widths)})")
        if list(modalities) == list(widths):
            return self
        parts = dict(
            zip(widths, torch.split(self.features, list(widths.values()), -1), strict=True)
        )
        layout = replace(self.layout, widths={name: widths[name] for name in modalities})
        chosen = torch.cat([parts[name] for name in modalities], dim=-1)
        return type(self)(chosen, self.labels, self.rows, layout)

    def split(self, *names: str) -> Self:
        """The videos of one split, or of several, in the same order."""
        return self.select([i for i, row in enumerate(self.rows) if row["split"] in names])


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
