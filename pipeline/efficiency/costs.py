"""The costs of a dataset's heads and encoders: exact counts, and times of this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import tables
from pipeline.config import Caption, Clip, Features, Section, TextFeatures
from pipeline.efficiency import encoder_counts, flops, head_counts
from pipeline.errors import UserError
from pipeline.models import registry
from pipeline.models.head import FeatureLayout
from pipeline.table_files import readable

NO_ENCODERS = "The dataset brings its features: nothing is encoded here, so only the heads count."

Entry = dict[str, Any]


@dataclass(frozen=True)
class Encoders:
    """What makes features of videos; `frames` are a video's sampled frames to try it on."""

    tower: Clip
    text: TextFeatures
    caption: Caption
    frames: Path | None


@dataclass(frozen=True)
class Subject:
    """What costs: heads by name with their settings, and encoders unless features are brought."""

    layout: FeatureLayout
    features: Features
    heads: Mapping[str, Section]
    encoders: Encoders | None
    frames_per_snippet: int


def layout_of(manifest: Path, modalities: Mapping[str, Path]) -> FeatureLayout:
    """Widths, categories and T of feature tables (name -> path), whose features are not read.

    Raises `UserError` where one is no feature table or holds no snippet.
    """
    widths, n_snippets = {}, 0
    for name, path in modalities.items():
        with readable(path), pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            if "feature" not in schema.names:
                raise UserError(f"{path}: no column 'feature'; is it a feature table?")
            widths[name] = schema.field("feature").type.list_size
            last = pc.max(file.read(columns=["snippet"])["snippet"]).as_py()
        if last is None:
            raise UserError(f"{path} holds no video")
        n_snippets = max(n_snippets, last + 1)
    return FeatureLayout(widths, tables.metadata(manifest)["categories"], n_snippets)


def counts(subject: Subject) -> Entry:
    """Parameters and operations; the same on every machine."""
    layout, encoders = subject.layout, subject.encoders
    heads = {
        name: head_counts.count(registry.build(name, layout, subject.features, settings), layout)
        for name, settings in subject.heads.items()
    }
    found = {}
    if encoders is not None:
        modalities = list(layout.widths)
        found = encoder_counts.count(encoders.tower, encoders.text, encoders.caption, modalities)
    reference = encoder_counts.reference()
    for count in (*found.values(), *reference.values()):
        count["per_video"] = units_a_video(subject, count["unit"])
    return {
        "video": {
            "snippets": layout.n_snippets,
            "frames_per_snippet": subject.frames_per_snippet,
            "widths": layout.widths,
            "categories": len(layout.categories),
        },
        "convention": flops.CONVENTION,
        "note": "" if encoders else NO_ENCODERS,
        "heads": heads,
        "encoders": found,
        "with_encoders": {name: _summed(head, found) for name, head in heads.items()},
        "reference": reference,
    }


def units_a_video(subject: Subject, unit: str) -> int:
    """How many videos, snippets, captions (one a snippet) or frames a video has."""
    if unit == "video":
        return 1
    frames = subject.frames_per_snippet if unit == "frame" else 1
    return subject.layout.n_snippets * frames


def _summed(head: Entry, encoders: Mapping[str, Entry]) -> Entry:
    """Scoring by a head and all encoders; `without`: those of which something is not known."""
    without = [name for name, c in encoders.items() if None in (c["parameters"], c["flops"])]
    known = [count for name, count in encoders.items() if name not in without]
    scoring = head["parameters"]["total"] - head["parameters"]["training_only"]
    return {
        "parameters": scoring + sum(count["parameters"] for count in known),
        "flops": head["flops"]["per_video"] + sum(c["flops"] * c["per_video"] for c in known),
        "without": without,
    }
