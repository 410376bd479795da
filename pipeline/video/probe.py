"""What a video file is, as a row of the manifest."""

from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from pipeline import tables
from pipeline.config import Decode
from pipeline.video.reading import survey

VERSION = 2  # raise when a probe's row changes for the same file


class Probe:
    """From a video file to one row of schema `tables.PROBE`."""

    def __init__(self, settings: Decode) -> None:
        self.settings = settings

    def __call__(self, path: Path) -> pa.Table:
        """See `opening.survey`; raises `DecodeError` for a file that is not to be used."""
        found = survey(path, self.settings.decoder, salvage=self.settings.salvage)
        return pa.Table.from_pylist([asdict(found)], schema=tables.PROBE)
