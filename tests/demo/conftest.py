"""A dataset of a few short videos, generated once for all tests of the demo."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.config import Demo
from pipeline.demo import DemoVideo, generate

TINY = Demo(
    seed=7, n_train=8, n_test=4, categories=["Fire", "Panic"],
    min_seconds=1.5, mean_seconds=2.0, max_seconds=3.0, max_height=120,
)  # fmt: skip


SIX = ["Fire", "Fighting", "WrongWay", "AbandonedObject", "Collision", "Panic"]


def eighty(seed: int = 0) -> Demo:
    """A dataset of usual size: 56 training and 24 test videos, six categories."""
    return Demo(seed=seed, n_train=56, n_test=24, categories=SIX)


@dataclass(frozen=True)
class Generated:
    """Where the tiny dataset lies, how it was asked for, and its plan."""

    root: Path
    settings: Demo
    videos: list[DemoVideo]

    def whole(self) -> list[DemoVideo]:
        """The videos that are not broken on purpose."""
        return [video for video in self.videos if video.broken is None]

    def broken(self, how: str) -> DemoVideo:
        """The video that is broken in this way."""
        return next(video for video in self.videos if video.broken == how)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    root = tmp_path_factory.mktemp("demo")
    return Generated(root, TINY, generate(root, TINY, workers=1))
