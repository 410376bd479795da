"""What one head is ahead of another by: seed by seed, resample by resample."""

from collections.abc import Mapping
from typing import Any

from pipeline.metrics.scored import Undefined
from pipeline.metrics.summary import over_seeds
from pipeline.metrics.values import Name, Values

Measured = Mapping[Name, Values]  # metrics of one run, plain and resampled


def against(own: Mapping[int, Measured], reference: Mapping[int, Measured]) -> dict[str, Any]:
    """Each metric's difference to the same seed of the reference, as `over_seeds` gives metrics.

    Both are runs by seed, measured on the same resamples. Undefined where either metric is.
    """
    return over_seeds([_difference(own[seed], reference[seed]) for seed in own])


def _difference(own: Measured, reference: Measured) -> dict[Name, Values]:
    found: dict[Name, Values] = {}
    for name, values in own.items():
        other = reference[name]
        if isinstance(values, Undefined):
            found[name] = values
        else:
            found[name] = other if isinstance(other, Undefined) else values - other
    return found
