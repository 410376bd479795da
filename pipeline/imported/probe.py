"""What a file of features says of its video."""

import pyarrow as pa

from pipeline import tables
from pipeline.config import FeaturesSource
from pipeline.imported.array import features_of
from pipeline.imported.request import FeaturesError, Request

PROBE_VERSION = 2  # raise when a probe's row changes for the same features and settings


class Probe:
    """From a video's features to its row of schema `tables.PROBE`; there are no pictures."""

    def __init__(self, settings: FeaturesSource) -> None:
        self.settings = settings

    def __call__(self, request: Request) -> pa.Table:
        """One row: length, rate, no width and no height.

        The length in frames is the request's, else `frames_per_feature` times the number of
        features; the rate is the request's, else the source's. Raises `FeaturesError` when
        the features cannot be used or neither gives the length.
        """
        n_features = features_of(self.settings, request).shape[0]
        row = {
            "n_frames": self._n_frames(request, n_features),
            "fps": self.settings.fps if request.fps is None else request.fps,
            "width": 0,
            "height": 0,
            "way": "features",
            "n_lost": 0,
            "damage": "",
        }
        return pa.Table.from_pylist([row], schema=tables.PROBE)

    def _n_frames(self, request: Request, n_features: int) -> int:
        if request.n_frames is not None:
            return request.n_frames
        if self.settings.frames_per_feature is None:
            raise FeaturesError(
                f"{request.name}: its video's length is unknown; give a column "
                f"'{self.settings.columns.n_frames}' in {self.settings.table}, or "
                "frames_per_feature under this dataset's source in params.yaml"
            )
        return self.settings.frames_per_feature * n_features
