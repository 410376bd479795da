"""The whole of `params.yaml`, and what the blocks that are no dataset, encoder or head may hold."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.captions import Caption, CaptionRuntime, Prompted, TextFeatures
from pipeline.config.demo import Demo
from pipeline.config.encoders import Clip, Decode, Features
from pipeline.config.heads import Heads
from pipeline.config.section import Count, Name, Positive, Section, Share
from pipeline.config.sources import Fraction, Source
from pipeline.config.training import Train
from pipeline.config.variants import Ablation, Row, of_row
from pipeline.errors import UserError


class Evaluate(Section):
    """How scores become metrics."""

    false_alarm_threshold: Share
    gt_length: Literal["frames", "floor16"]
    resamples: Annotated[int, Field(ge=0)]


class Crossvalidate(Section):
    """Cross-validation over a dataset's training videos; `near_duplicates` is a cosine.

    `rows` are cross-validated beside the heads of `models`; `reference` names one of either, which
    the others are compared with.
    """

    datasets: list[Name]
    reference: str | None
    rows: dict[str, Row]
    folds: Annotated[int, Field(ge=2)]
    near_duplicates: Fraction | None


class Tsne(Section):
    """Category logits in the plane; `seed` names one of `seeds`, null: the first."""

    seed: int | None
    perplexity: Annotated[float, Field(ge=1)]
    random_state: Annotated[int, Field(ge=0, lt=2**32)]


class Pair(Section):
    """Heads trained on `source`, tried on `target`."""

    source: Name
    target: Name


class Transfer(Section):
    """Pairs of datasets, and what of a head's CORE stays the source's."""

    pairs: list[Pair]
    frozen: Literal["classifier_and_prototypes", "core"]


class Report(Section):
    """The page."""

    thumbnails: Annotated[int, Field(ge=0)]
    thumbnail_height: Annotated[int, Field(ge=16)]


class Runtime(Section):
    """How, not what, is computed; no stage tracks it."""

    engine: Literal["local", "ray"]
    workers: Count | None
    device: Literal["auto", "cpu", "cuda"]
    batch_size: Count
    compile: bool
    timeout_s: Positive
    recycle_after: Count
    max_failed_share: Share
    store: str
    captions: CaptionRuntime = CaptionRuntime()


class Params(Section):
    """The whole of `params.yaml`."""

    datasets: Annotated[list[Name], Field(min_length=1)]
    models: Annotated[list[Name], Field(min_length=1)]
    seeds: Annotated[list[int], Field(min_length=1)]
    generated: dict[Name, Demo]
    sources: dict[Name, Source]
    decode: Decode
    clip: Clip
    caption: Caption
    text: TextFeatures
    features: Features
    train: Train
    heads: Heads
    evaluate: Evaluate
    crossvalidate: Crossvalidate
    ablation: Ablation
    transfer: Transfer
    tsne: Tsne
    report: Report
    runtime: Runtime

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        _require(self.datasets, list(self.sources), "datasets", "sources")
        _require(self.models, list(Heads.model_fields), "models", "heads")
        _require(self.crossvalidate.datasets, list(self.sources), "crossvalidate", "sources")
        if self.crossvalidate.reference is not None:
            known = [*self.models, *self.crossvalidate.rows]
            _require([self.crossvalidate.reference], known, "crossvalidate.reference", "models")
        _require(self.ablation.datasets, list(self.sources), "ablation", "sources")
        _require([self.ablation.reference], list(self.ablation.rows), "ablation", "ablation.rows")
        for key in ("datasets", "models", "seeds"):
            values = getattr(self, key)
            if len(set(values)) != len(values):
                raise ValueError(f"{key}: {values} names something twice")
        if self.tsne.seed is not None and self.tsne.seed not in self.seeds:
            raise ValueError(f"tsne.seed: {self.tsne.seed} is not in `seeds` ({self.seeds})")
        return self

    @model_validator(mode="after")
    def _pairs_can_be_tried(self) -> Self:
        pairs = [(pair.source, pair.target) for pair in self.transfer.pairs]
        for number, (source, target) in enumerate(pairs):
            _require([source, target], self.datasets, "transfer.pairs", "datasets")
            if source == target:
                raise ValueError(
                    f"transfer.pairs: '{source}' is source and target; name two datasets"
                )
            if (source, target) in pairs[:number]:
                raise ValueError(f"transfer.pairs: {source} to {target} stands there twice")
        return self

    def source(self, dataset: str) -> Source:
        """The source of that name; a `UserError` when `sources` has none."""
        if dataset not in self.sources:
            known = ", ".join(self.sources)
            raise UserError(f"params.yaml: '{dataset}' is not in `sources` (known: {known})")
        return self.sources[dataset]

    @model_validator(mode="after")
    def _rows_can_be_trained(self) -> Self:
        self._check_rows("ablation", self.ablation.rows)
        self._check_rows("crossvalidate", self.crossvalidate.rows)
        return self

    def _check_rows(self, section: str, rows: dict[str, Row]) -> None:
        for name, row in rows.items():
            where = f"{section}.rows: {name}"
            if name in Heads.model_fields:
                raise ValueError(f"{section}.rows: '{name}' is the name of a head; rename the row")
            try:
                settings = of_row(name, row, self.heads, self.features, self.train).settings
            except UserError as error:
                raise ValueError(f"{section}.{error}") from None
            _check_top_k(settings, self.decode, f"{where}: settings")

    @model_validator(mode="after")
    def _caption_frames_are_there(self) -> Self:
        kept = self.decode.frames_per_snippet
        if isinstance(self.caption, Prompted) and self.caption.frames > kept:
            raise ValueError(
                f"caption.frames: {self.caption.frames} is more than decode.frames_per_snippet "
                f"({kept})"
            )
        return self

    @model_validator(mode="after")
    def _top_k_fits(self) -> Self:
        for name in Heads.model_fields:
            _check_top_k(getattr(self.heads, name), self.decode, f"heads.{name}")
        return self


def _require(names: list[str], known: list[str], key: str, where: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{key}: '{name}' is not in `{where}` (known: {', '.join(known)})")


def _check_top_k(head: Any, decode: Decode, where: str) -> None:
    top_k = head.mil.top_k
    if top_k is not None and top_k > decode.snippets:
        raise ValueError(
            f"{where}.mil.top_k: {top_k} is more than decode.snippets ({decode.snippets})"
        )
