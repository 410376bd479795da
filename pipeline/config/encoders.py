"""Settings of the way from video to features."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.section import Section


class Decode(Section):
    """Which frames of a video are kept, and how."""

    snippets: Annotated[int, Field(ge=2)]
    frames_per_snippet: Annotated[int, Field(ge=4, multiple_of=4)]
    max_short_side: Annotated[int, Field(ge=16)]
    jpeg_quality: Annotated[int, Field(ge=1, le=100)]
    decoder: Literal["auto", "decord", "pyav"]
    salvage: bool


class Clip(Section):
    """The image and text encoder: an open_clip model, or the small one of the demo."""

    model: Annotated[str, Field(min_length=1)]
    pretrained: Annotated[str, Field(min_length=1)]
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    seed: int = 0

    @model_validator(mode="after")
    def _openai_needs_quick_gelu(self) -> Self:
        if self.pretrained == "openai" and not self.model.endswith("-quickgelu"):
            raise ValueError(
                f"model: OpenAI's weights need QuickGELU, which '{self.model}' lacks (open_clip "
                f"only warns, and the features are wrong); use '{self.model}-quickgelu'"
            )
        return self


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
