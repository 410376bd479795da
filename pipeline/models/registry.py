"""Heads by name."""

from collections.abc import Callable
from typing import Any

from pipeline.config import Features
from pipeline.models.base import BaseHead
from pipeline.models.head import FeatureLayout, Head
from pipeline.models.refinevad import RefineVad

HEADS: dict[str, Callable[[FeatureLayout, Features, Any], Head]] = {
    "base": BaseHead,
    "refinevad": RefineVad,
}


def build(name: str, layout: FeatureLayout, features: Features, settings: Any) -> Head:
    """A new head of that name (a key of `heads` in `params.yaml`), randomly initialised."""
    return HEADS[name](layout, features, settings)
