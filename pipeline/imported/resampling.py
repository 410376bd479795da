"""From any number of features a video to T: the mean of each snippet's.

What the field does with `np.linspace(0, n, T + 1, dtype=int)` (Sultani et al., CVPR 2018; RTFM,
ICCV 2021): n features are cut at `floor(i * n / T)`, and a snippet without any takes the feature at
its start. The edges are computed in integers; they are linspace's wherever n / T has no
rounding error, as for T = 32.
"""

from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline import tables
from pipeline.config import FeaturesSource
from pipeline.imported.array import Array, digest, features_of, width
from pipeline.imported.request import FeaturesError, Request
from pipeline.video.snippets import edges

VERSION = 1  # raise when resampled features change for the same features and settings


def identity(settings: FeaturesSource, n_snippets: int) -> dict[str, Any]:
    """All that decides a video's resampled features beside its `digest`, for a piece's key."""
    return {"crops_axis": settings.crops_axis, "snippets": n_snippets}


def resample(features: Array, n_snippets: int) -> npt.NDArray[np.float32]:
    """Means (T, D) float32 over each snippet's features and over the crops of (n, crops, D).

    Summed in float64; n = T with one crop changes nothing but the number format.
    """
    cuts = edges(len(features), n_snippets)
    means = [
        features[start : max(end, start + 1)].mean(axis=(0, 1), dtype=np.float64)
        for start, end in pairwise(cuts)
    ]
    with np.errstate(over="ignore"):  # the caller checks what became of it
        return np.stack(means).astype(np.float32)


class Resampler:
    """From a video's features to a piece of T rows of D numbers.

    With `like`, a video of the same dataset, features of another width than its are refused.
    """

    def __init__(
        self, settings: FeaturesSource, n_snippets: int, like: Request | None = None
    ) -> None:
        self.settings, self.n_snippets, self.like = settings, n_snippets, like

    @cached_property
    def _width(self) -> int | None:
        return None if self.like is None else width(self.settings, self.like)

    def __call__(self, request: Request) -> pa.Table:
        """The piece, schema `tables.feature_piece(D)`.

        Raises `FeaturesError` as `features_of`, and when a number is not finite, the width is not
        that of `like`, or the file is not the one that the manifest describes.
        """
        if request.sha256 and digest(self.settings, request) != request.sha256:
            raise FeaturesError(
                f"{request.name} has changed since the manifest; `dvc repro -f manifest`"
            )
        features = resample(features_of(self.settings, request), self.n_snippets)
        n_snippets, found = features.shape
        if self.like is not None and found != self._width:
            raise FeaturesError(
                f"{request.name} has features of width {found}, {self.like.name} of {self._width}; "
                "a dataset needs one width: leave one kind out"
            )
        bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
        if len(bad):
            raise FeaturesError(
                f"{request.name} holds NaN, infinity or a number too large for float32 (first in "
                f"snippet {bad[0]} of {n_snippets}); compute its features anew or leave it out"
            )
        flat = pa.array(features.ravel(), pa.float32())
        columns = [
            pa.array(np.arange(n_snippets, dtype=np.int16)),
            pa.FixedSizeListArray.from_arrays(flat, found),
        ]
        return pa.Table.from_arrays(columns, schema=tables.feature_piece(found))
