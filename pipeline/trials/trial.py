"""What a trial is, and what of the videos its head sees."""

from dataclasses import dataclass, field

from pipeline.config import Variant
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from pipeline.training import FrozenCore


@dataclass(frozen=True)
class Trial:
    """A variant and a seed, and the numbers of the videos that train and of those it is tried on.

    With `watched`, the test videos are scored after every epoch too, and the best one is a
    checkpoint of its own, `best_on_test`; so is `best_on_validation` where there are videos of
    that kind, which `train.patience` needs. A `core` of another head is put in and kept.
    """

    variant: Variant
    seed: int
    train: tuple[int, ...] = field(repr=False)
    test: tuple[int, ...] = field(repr=False)
    watched: bool = True
    validation: tuple[int, ...] = field(default=(), repr=False)
    core: FrozenCore | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.variant.name}, seed {self.seed}"


Group = tuple[Trial, ...]  # trials that differ in their seed alone


def seen(variant: Variant, videos: VideoFeatures) -> list[str]:
    """The modalities of a variant that the videos have; raises `UserError` where there is none."""
    wanted, there = variant.features.modalities, videos.layout.widths
    if found := [str(name) for name in wanted if name in there]:
        return found
    raise UserError(
        f"'{variant.name}' reads {', '.join(wanted)} features, of which the videos have none "
        f"(they have: {', '.join(there)})"
    )
