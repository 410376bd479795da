"""The settings of a generated dataset."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from pipeline.config.section import Count, Positive, Section

DEMO_CATEGORIES = (
    "AbandonedObject",
    "Collision",
    "Explosion",
    "Fighting",
    "Fire",
    "Flood",
    "Panic",
    "Vandalism",
    "WrongWay",
)


class Demo(Section):
    """A generated dataset; lengths in seconds, height in pixels, noise in grey levels (0..255).

    Half of each split is normal. The anomalous half is dealt to `categories` in turn. The sensor's
    noise is Gaussian; `min_noise` and `max_noise` bound its standard deviation. `daylight` is the
    share of the daylight that is left: below 1 it is night, with lamps and headlights on.
    """

    seed: Annotated[int, Field(ge=0)]
    n_train: Count
    n_test: Count
    categories: Annotated[list[str], Field(min_length=1)]
    min_seconds: Positive = 8.0
    mean_seconds: Positive = 15.0
    max_seconds: Positive = 40.0
    max_height: Annotated[int, Field(ge=120)] = 240
    min_noise: Positive = 2.0
    max_noise: Positive = 6.0
    daylight: Annotated[float, Field(gt=0, le=1)] = 1.0

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
        if self.min_noise > self.max_noise:
            raise ValueError(f"min_noise: {self.min_noise} is more than max_noise {self.max_noise}")
        return self
