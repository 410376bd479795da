"""The whole of `params.yaml`, and what the blocks that are no dataset, encoder or head may hold."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.captions import Caption, CaptionRuntime, Prompted, TextFeatures
from pipeline.config.demo import Demo
from pipeline.config.encoders import Clip, Decode, Features
from pipeline.config.heads import Heads
from pipeline.config.section import Count, Name, Positive, Section, Share
from pipeline.config.sources import Fraction, Source
from pipeline.errors import UserError


class Train(Section):
    """Optimisation; half of each batch is normal, half abnormal."""

    epochs: Count
    batch_size: Annotated[int, Field(ge=2, multiple_of=2)]
    lr: Positive
    weight_decay: Annotated[float, Field(ge=0)]
    clip_grad_norm: Positive
    threads: Count


class Evaluate(Section):
    """How scores become metrics."""

    false_alarm_threshold: Share
    gt_length: Literal["frames", "floor16"]
    resamples: Annotated[int, Field(ge=0)]


class Crossvalidate(Section):
    """Cross-validation over a dataset's training videos; `near_duplicates` is a cosine."""

    datasets: list[Name]
    folds: Annotated[int, Field(ge=2)]
    near_duplicates: Fraction | None


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
    demo: Demo
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
    report: Report
    runtime: Runtime

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        _require(self.datasets, list(self.sources), "datasets", "sources")
        _require(self.models, list(Heads.model_fields), "models", "heads")
        _require(self.crossvalidate.datasets, list(self.sources), "crossvalidate", "sources")
        for key in ("datasets", "models", "seeds"):
            values = getattr(self, key)
            if len(set(values)) != len(values):
                raise ValueError(f"{key}: {values} names something twice")
        return self

    def source(self, dataset: str) -> Source:
        """The source of that name; a `UserError` when `sources` has none."""
        if dataset not in self.sources:
            known = ", ".join(self.sources)
            raise UserError(f"params.yaml: '{dataset}' is not in `sources` (known: {known})")
        return self.sources[dataset]

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
            top_k = getattr(self.heads, name).mil.top_k
            if top_k is not None and top_k > self.decode.snippets:
                raise ValueError(
                    f"heads.{name}.mil.top_k: {top_k} is more than decode.snippets "
                    f"({self.decode.snippets})"
                )
        return self


def _require(names: list[str], known: list[str], key: str, where: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{key}: '{name}' is not in `{where}` (known: {', '.join(known)})")
