"""Settings of the heads, one class each, and of their parts."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.section import Count, Dropout, Positive, Section, Share


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
    shift: Literal["none", "floor", "straight_through", "soft"]
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
    classification: Literal["soft", "top"]
    injection: Literal["none", "broadcast", "gated"]
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

    @property
    def uses_categories(self) -> bool:
        """Whether anything asks for categories: the injection, or a loss."""
        injects = self.core.injection != "none"
        return injects or self.gmm.weight > 0 or self.category.weight > 0

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


def head_settings(name: str, values: dict[str, Any]) -> Section:
    """The validated settings of one head from plain values, as `config.json` holds them."""
    kind = Heads.model_fields[name].annotation
    if not (isinstance(kind, type) and issubclass(kind, Section)):
        raise TypeError(f"heads.{name} is no section")
    return kind.model_validate(values)
