"""Bootstrap over test videos: whole ones are drawn, as frames of one are not independent."""

import numpy as np
import numpy.typing as npt

from pipeline.metrics.scored import Floats

LEVEL = 0.95


def resample_weights(abnormal: npt.NDArray[np.bool_], resamples: int, seed: int = 0) -> Floats:
    """How often each video counts (1 + R, V): a row of ones, then R resamples.

    Each resample draws as many normal videos, and as many abnormal ones, as there are, with
    replacement. Every head and floor is judged on the same resamples, so that they can be compared
    one by one. There are none where a kind has a single video: nothing tells how another would be.
    """
    kinds = [np.flatnonzero(~abnormal), np.flatnonzero(abnormal)]
    if any(len(members) == 1 for members in kinds):
        resamples = 0
    weights = np.ones((1 + resamples, len(abnormal)))
    generator = np.random.default_rng(seed)
    for members in kinds:
        if len(members):
            share = np.full(len(members), 1 / len(members))
            weights[1:, members] = generator.multinomial(len(members), share, size=resamples)
    return weights


def interval(values: Floats) -> tuple[float, float] | None:
    """The central 95 % of the resamples' values (R,); None without any.

    Resamples in which the metric has no value are left out (no video of a category was drawn). When
    they are a fifth or more, there is no interval: with two videos of a category they are at most
    13.5 %, with one a third, and one does not tell how another would be.
    """
    known = values[~np.isnan(values)]
    if len(known) <= 0.8 * len(values):
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
