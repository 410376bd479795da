"""Where a dataset's files lie: the one place that knows."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.atomic import write_text

PARAMS = Path("params.yaml")


@dataclass(frozen=True)
class Layout:
    """The paths of one dataset, `data/<name>/...`, relative to the repository's root."""

    name: str

    @property
    def folder(self) -> Path:
        """Everything of this dataset."""
        return Path("data", self.name)

    @property
    def raw(self) -> Path:
        """Videos and annotations as they came; usually a link."""
        return self.folder / "raw"

    @property
    def manifest(self) -> Path:
        """The manifest table."""
        return self.folder / "manifest.parquet"

    @property
    def manifest_summary(self) -> Path:
        """What is there, missing and unreadable, by name."""
        return self.folder / "manifest.json"

    @property
    def frames(self) -> Path:
        """The folder of sampled frames, a table a video."""
        return self.folder / "frames"

    def frames_of(self, video_id: str) -> Path:
        """The sampled frames of one video."""
        return self.frames / f"{video_id}.parquet"

    def table(self, name: str) -> Path:
        """The table that a per-video stage assembles: clip, captions, text."""
        return self.folder / f"{name}.parquet"

    def skipped(self, stage: str) -> Path:
        """The videos that a stage left out, with reasons."""
        return self.folder / "skipped" / f"{stage}.parquet"

    def feature_tables(self, modalities: list[str]) -> dict[str, Path]:
        """The feature table of each modality, in the order given."""
        tables_of = {"image": self.table("clip"), "text": self.table("text")}
        return {modality: tables_of[modality] for modality in modalities}

    @property
    def models(self) -> Path:
        """All trained heads."""
        return self.folder / "models"

    def model(self, name: str, seed: int) -> Path:
        """One trained head."""
        return self.models / name / str(seed)

    @property
    def results(self) -> Path:
        """Metrics, scores, curves and the page."""
        return self.folder / "results"

    @property
    def metrics(self) -> Path:
        """What `dvc metrics` reads."""
        return self.results / "metrics.json"

    @property
    def scores(self) -> Path:
        """Snippet scores of every head, seed and checkpoint on the test videos."""
        return self.results / "scores.parquet"

    def curve(self, name: str) -> Path:
        """The points of a curve: roc, pr, training."""
        return self.results / "curves" / f"{name}.csv"

    @property
    def report(self) -> Path:
        """The page."""
        return self.results / "report.html"


def write_json(path: Path, value: Any) -> None:
    """Write JSON with two-space indent, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
