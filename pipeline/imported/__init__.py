"""Features that a user brings: read, told apart by content, resampled to T snippets.

A file of one array a video (`.npy`, `.npz`), or a Parquet table with a row a feature. Nothing here
decodes a video or needs a GPU.
"""

from pipeline.imported.array import Array, digest, width
from pipeline.imported.probe import PROBE_VERSION, Probe
from pipeline.imported.request import FeaturesError, Request, request_of
from pipeline.imported.resampling import VERSION, Resampler, identity, resample

__all__ = [
    "PROBE_VERSION",
    "VERSION",
    "Array",
    "FeaturesError",
    "Probe",
    "Request",
    "Resampler",
    "digest",
    "identity",
    "request_of",
    "resample",
    "width",
]
