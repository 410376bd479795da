"""Where a dataset's files lie: the one place that knows."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.atomic import write_text
from pipeline.errors import UserError

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

    @property
    def caption_summary(self) -> Path:
        """What the captions are like: how long, how many empty, repeated, refused."""
        return self.folder / "captions.json"

    def skipped(self, stage: str) -> Path:
        """The videos that a stage left out, with reasons."""
        return self.folder / "skipped" / f"{stage}.parquet"

    @property
    def assembled(self) -> list[Path]:
        """What is put together from pieces of the work store and names their keys."""
        return [self.frames, *(self.table(name) for name in ("clip", "captions", "text"))]

    def feature_tables(self, modalities: Sequence[str], has: Collection[str]) -> dict[str, Path]:
        """The feature table of each of `modalities` that the dataset `has`, in the order given.

        Raises `UserError` when none is left.
        """
        tables_of = {"image": self.table("clip"), "text": self.table("text")}
        found = {name: tables_of[name] for name in modalities if name in has}
        if not found:
            raise UserError(
                f"params.yaml: features.modalities is {list(modalities)}, but '{self.name}' brings "
                f"only {list(has)}; add one of these, or name a folder of others in its source"
            )
        return found

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
        """All metrics."""
        return self.results / "metrics.json"

    @property
    def headline(self) -> Path:
        """The few means that `dvc metrics show` and `diff` show."""
        return self.results / "headline.json"

    @property
    def scores(self) -> Path:
        """Snippet scores of every head, seed and checkpoint on the test videos."""
        return self.results / "scores.parquet"

    def curve(self, name: str) -> Path:
        """The points of a curve: roc, pr, training."""
        return self.results / "curves" / f"{name}.csv"

    @property
    def tsne(self) -> Path:
        """Category logits of abnormal test videos, and their points in the plane."""
        return self.results / "tsne.csv"

    @property
    def tsne_summary(self) -> Path:
        """What the points rest on, and how well the logits tell categories apart."""
        return self.results / "tsne.json"

    @property
    def tsne_pictures(self) -> Path:
        """The folder of pictures, one a head."""
        return self.results / "tsne"

    def tsne_picture(self, model: str) -> Path:
        """The picture of one head."""
        return self.tsne_pictures / f"{model}.svg"

    @property
    def ablation(self) -> Path:
        """What each part of a head is worth: rows, metrics, differences."""
        return self.results / "ablation.json"

    def ablation_table(self, kind: str) -> Path:
        """The same as a table: csv, md."""
        return self.results / f"ablation.{kind}"

    def transfer(self, source: str) -> Path:
        """What heads trained on `source` are worth here."""
        return self.results / "transfer" / f"{source}.json"

    @property
    def crossvalidation(self) -> Path:
        """Metrics of the training videos, each scored by heads that did not see it."""
        return self.results / "crossvalidation.json"

    @property
    def crossvalidation_scores(self) -> Path:
        """The scores behind `crossvalidation`."""
        return self.results / "crossvalidation.parquet"

    @property
    def efficiency(self) -> Path:
        """What heads and encoders cost: parameters, operations, time, memory."""
        return self.results / "efficiency.json"

    @property
    def report(self) -> Path:
        """The page."""
        return self.results / "report.html"


def all_layouts() -> list[Layout]:
    """The datasets that have a folder, by name."""
    folders = Path("data").glob("[!.]*/")
    return [Layout(name) for name in sorted(folder.name for folder in folders)]


def write_json(path: Path, value: Any) -> None:
    """Write JSON with two-space indent, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
