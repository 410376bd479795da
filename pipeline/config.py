"""`params.yaml` as validated, typed settings.

An unknown key, a wrong type or an impossible combination is a `UserError` that names the
key and its line, before any work. The comments beside each key in `params.yaml` say what it does;
the classes here say what it may be.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from pipeline.errors import UserError

DEMO_CATEGORIES = ("AbandonedObject", "Collision", "Fighting", "Fire", "Panic", "WrongWay")

Share = Annotated[float, Field(ge=0, le=1)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A block of `params.yaml`: no unknown keys, no silent conversions, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Demo(Section):
    """The generated dataset; lengths in seconds, height in pixels.

    Half of each split is normal. The anomalous half is dealt to `categories` in turn.
    """

    seed: Annotated[int, Field(ge=0)]
    n_train: Count
    n_test: Count
    categories: Annotated[list[str], Field(min_length=1)] = list(DEMO_CATEGORIES)
    min_seconds: Positive = 8.0
    mean_seconds: Positive = 15.0
    max_seconds: Positive = 40.0
    max_height: Annotated[int, Field(ge=120)] = 240

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        unknown = sorted(set(self.categories) - set(DEMO_CATEGORIES))
        if unknown:
            known = ", ".join(DEMO_CATEGORIES)
            raise ValueError(f"categories: the demo cannot draw {unknown} (known: {known})")
        if len(set(self.categories)) < len(self.categories):
            raise ValueError(f"categories: {self.categories} names one twice")
        needed = 2 * len(self.categories)
        for key in ("n_train", "n_test"):
            if getattr(self, key) < needed:
                raise ValueError(
                    f"{key}: {getattr(self, key)} videos, half of them normal, cannot show "
                    f"{len(self.categories)} categories; set it to {needed} or more"
                )
        if not self.min_seconds < self.mean_seconds < self.max_seconds:
            raise ValueError("mean_seconds must lie between min_seconds and max_seconds")
        return self


class UcfCrimeSource(Section):
    """UCF-Crime's folders and list files; `categories` defaults to the official 13."""

    adapter: Literal["ucf_crime"]
    categories: list[Name] | None = None


class FolderColumns(Section):
    """What a user's own table calls each column."""

    path: str = "path"
    split: str = "split"
    categories: str = "categories"
    group: str | None = None


class FolderSource(Section):
    """A user's own videos, listed in a CSV file in the raw folder."""

    adapter: Literal["folder"]
    table: str = "videos.csv"
    columns: FolderColumns = FolderColumns()
    normal: str = "Normal"
    test_share: Annotated[float, Field(gt=0, lt=1)] | None = None


Source = Annotated[UcfCrimeSource | FolderSource, Field(discriminator="adapter")]


class Decode(Section):
    """Which frames of a video are kept, and how."""

    snippets: Annotated[int, Field(ge=2)]
    frames_per_snippet: Annotated[int, Field(ge=4, multiple_of=4)]
    max_short_side: Annotated[int, Field(ge=16)]
    jpeg_quality: Annotated[int, Field(ge=1, le=100)]


class Clip(Section):
    """The image and text encoder: an open_clip model, or the small one of the demo."""

    model: Annotated[str, Field(min_length=1)]
    pretrained: Annotated[str, Field(min_length=1)]
    seed: int = 0

    @model_validator(mode="after")
    def _openai_needs_quick_gelu(self) -> Self:
        if self.pretrained == "openai" and not self.model.endswith("-quickgelu"):
            raise ValueError(
                f"model: OpenAI's weights need QuickGELU, which '{self.model}' lacks (open_clip "
                f"only warns, and the features are wrong); use '{self.model}-quickgelu'"
            )
        return self


class RulesCaption(Section):
    """Captions from measured motion, brightness and colour; no model."""

    backend: Literal["rules"]


class Features(Section):
    """What a head sees of the feature tables."""

    modalities: Annotated[list[Literal["image", "text"]], Field(min_length=1)]
    center: bool
    normalise: Literal["l2", "none"]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.modalities)) < len(self.modalities):
            raise ValueError(f"modalities: {self.modalities} names one twice")
        return self


class Train(Section):
    """Optimisation; half of each batch is normal, half abnormal."""

    epochs: Count
    batch_size: Annotated[int, Field(ge=2, multiple_of=2)]
    lr: Positive
    weight_decay: Annotated[float, Field(ge=0)]
    clip_grad_norm: Positive
    threads: Count


class Scorer(Section):
    """The fully connected scoring head."""

    hidden: list[Count]
    dropout: Dropout
    batch_norm: bool


class Mil(Section):
    """Top-k multiple-instance loss; `top_k` null means T // 16 + 1."""

    kind: Literal["bce", "hinge"]
    top_k: Count | None = None
    margin: Positive = 1.0


class Gmm(Section):
    """Gaussian-mixture smoothing."""

    weight: Annotated[float, Field(ge=0)]
    anchor: bool
    hidden: Count


class Category(Section):
    """Two-way cross-entropy per category."""

    weight: Annotated[float, Field(ge=0)]
    balance: bool


class Motar(Section):
    """Motion-aware temporal attention and recalibration."""

    fold: Annotated[int, Field(ge=2)]
    shift: Literal["floor", "straight_through", "soft"]
    temperature: Positive
    edges: Literal["zero", "replicate"]
    per_modality: bool
    layers: Annotated[int, Field(ge=0)]
    heads: Count
    dropout: Dropout


class Core(Section):
    """Category-oriented refinement."""

    threshold: Share
    pool_temperature: Positive
    injection: Literal["broadcast", "gated"]
    heads: Count
    dropout: Dropout
    label_probability: Share


class BaseHead(Section):
    """The MLP + MIL head of the paper's ablation."""

    width: Count
    input_dropout: Dropout
    scorer: Scorer
    mil: Mil


class RefineVadHead(Section):
    """RefineVAD: MoTAR, CORE, shared scorer, three losses."""

    width: Count
    motar: Motar
    core: Core
    scorer: Scorer
    mil: Mil
    gmm: Gmm
    category: Category

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        for name, heads in (("motar", self.motar.heads), ("core", self.core.heads)):
            if self.width % heads:
                raise ValueError(f"width {self.width} is not a multiple of {name}.heads {heads}")
        return self


class Heads(Section):
    """Settings of each head that `models` may name."""

    base: BaseHead
    refinevad: RefineVadHead


class Evaluate(Section):
    """How scores become metrics."""

    false_alarm_threshold: Share


class Report(Section):
    """The page."""

    thumbnails: Annotated[int, Field(ge=0)]
    thumbnail_height: Annotated[int, Field(ge=16)]


class Runtime(Section):
    """How, not what, is computed; no stage tracks it."""

    workers: Count | None
    device: Literal["auto", "cpu", "cuda"]
    batch_size: Count
    timeout_s: Positive
    recycle_after: Count
    max_failed_share: Share
    store: str


class Params(Section):
    """The whole of `params.yaml`."""

    datasets: Annotated[list[Name], Field(min_length=1)]
    models: Annotated[list[Name], Field(min_length=1)]
    seeds: Annotated[list[int], Field(min_length=1)]
    demo: Demo
    sources: dict[Name, Source]
    decode: Decode
    clip: Clip
    caption: RulesCaption
    features: Features
    train: Train
    heads: Heads
    evaluate: Evaluate
    report: Report
    runtime: Runtime

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        _require(self.datasets, list(self.sources), "datasets", "sources")
        _require(self.models, list(Heads.model_fields), "models", "heads")
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
    def _top_k_fits(self) -> Self:
        for name in Heads.model_fields:
            top_k = getattr(self.heads, name).mil.top_k
            if top_k is not None and top_k > self.decode.snippets:
                raise ValueError(
                    f"heads.{name}.mil.top_k: {top_k} is more than decode.snippets "
                    f"({self.decode.snippets})"
                )
        return self


def head_settings(name: str, values: dict[str, Any]) -> Section:
    """The validated settings of one head from plain values, as `config.json` holds them."""
    kind = Heads.model_fields[name].annotation
    if not (isinstance(kind, type) and issubclass(kind, Section)):
        raise TypeError(f"heads.{name} is no section")
    return kind.model_validate(values)


def _require(names: list[str], known: list[str], key: str, where: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{key}: '{name}' is not in `{where}` (known: {', '.join(known)})")


def load(path: Path) -> Params:
    """Read and validate a parameter file; a `UserError` names every wrong key and its line."""
    try:
        tree = YAML(typ="rt").load(path)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; run from the root of the repository") from None
    except YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from error
    try:
        return Params.model_validate(YAML(typ="safe", pure=True).load(path))
    except ValidationError as error:
        lines = [_explain(path, tree, problem) for problem in error.errors()]
        raise UserError("\n".join(lines)) from None


def _explain(path: Path, tree: Any, problem: Any) -> str:
    """`params.yaml:12: decode.snipets: unknown key` for one problem that pydantic found."""
    keys, line, node = [], 1, tree
    for step in problem["loc"]:
        if not isinstance(node, CommentedMap | CommentedSeq) or not _has(node, step):
            keys.append(str(step)) if problem["type"] == "missing" else None
            continue
        position = node.lc.item(step) if isinstance(step, int) else node.lc.key(step)
        keys, line, node = [*keys, str(step)], position[0] + 1, node[step]
    message = {
        "extra_forbidden": "unknown key; is it misspelt?",
        "missing": "this key is missing",
    }.get(problem["type"], f"{problem['msg']}, found {_brief(problem['input'])}")
    if problem["type"] == "value_error":
        message = str(problem["ctx"]["error"])
    return f"{path}:{line}: {'.'.join(keys) or 'top level'}: {message}"


def _has(node: Any, step: Any) -> bool:
    return step in node if isinstance(step, str) else isinstance(node, list)


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
