"""The work store: one piece a video and stage, found again by what it was made from.

A piece is a small Parquet table (or a table of JPEGs) computed from one video. Its
key is a digest of the stage's name and code version, of the settings that shape it, and of
its source (the video's SHA-256, or the key of the piece it was made from). So an
interrupted stage resumes, an added video computes one video, a reverted parameter
computes nothing, and two videos of equal content share a piece.
"""

from pipeline.pieces.assembling import assemble, link_each
from pipeline.pieces.computing import Computed, Job, check_failures, compute
from pipeline.pieces.store import Recipe, Store, key_of

__all__ = [
    "Computed",
    "Job",
    "Recipe",
    "Store",
    "assemble",
    "check_failures",
    "compute",
    "key_of",
    "link_each",
]
