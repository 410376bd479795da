"""Toy videos of all splits, and trials of them in this process."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from pipeline import engine
from pipeline.config import Variant
from pipeline.features import VideoFeatures
from pipeline.trials import Trial
from tests.models.toy import FEATURES, LAYOUT, TRAIN, base, refinevad, toy_videos

SHORT = TRAIN.model_copy(update={"epochs": 2})
FULL = Variant("all", "refinevad", refinevad(), FEATURES, SHORT)
PLAIN = Variant("plain", "base", base(), FEATURES, SHORT)
N_TRAIN, N_VALIDATION, N_TEST = 12, 4, 8


def load() -> VideoFeatures:
    """Videos 0 to 11 train, 12 to 15 are validation videos, 16 to 23 are tested."""
    parts = [
        toy_videos(N_TRAIN, seed=1),
        toy_videos(N_VALIDATION, seed=5, split="validation"),
        toy_videos(N_TEST, seed=2, split="test"),
    ]
    features = torch.cat([part.features for part in parts])
    labels = torch.cat([part.labels for part in parts])
    return VideoFeatures(features, labels, [row for part in parts for row in part.rows], LAYOUT)


def trial(variant: Variant = FULL, seed: int = 0, **changes: Any) -> Trial:
    whole = Trial(
        variant,
        seed,
        tuple(range(N_TRAIN)),
        tuple(range(N_TRAIN + N_VALIDATION, N_TRAIN + N_VALIDATION + N_TEST)),
        validation=tuple(range(N_TRAIN, N_TRAIN + N_VALIDATION)),
    )
    return replace(whole, **changes)


def run_here(
    make: Callable[[], Callable[[Any], Any]], work: Sequence[Any], *_: Any, **__: Any
) -> Iterator[engine.Outcome]:
    """As `engine.run`, without the seconds that a process takes to start."""
    function = make()
    for index, element in enumerate(work):
        yield engine.Outcome(index, function(element), None)


def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let trials be computed here."""
    monkeypatch.setattr(engine, "run", run_here)
