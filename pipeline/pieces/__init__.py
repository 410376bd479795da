"""The work store: one piece a video and stage, found again by what it was made from.

A piece is a small Parquet table (or a table of JPEGs) computed from one video. Its
key is a digest of the stage's name and code version, of the settings that shape it, and of
its source (the video's SHA-256, or the key of the piece it was made from). So an
interrupted stage resumes, an added video computes one video, a reverted parameter
computes nothing, and two videos of equal content share a piece.
"""

from pipeline.pieces.assembling import assemble, link_each
from pipeline.pieces.computing import Computed, Job, check_failures, compute
from pipeline.pieces.linking import check_file_names
from pipeline.pieces.pruning import Contents, Pruned, contents, prune
from pipeline.pieces.refilling import refill, refill_rows
from pipeline.pieces.store import Recipe, Store, key_of
from pipeline.pieces.verifying import missing_keys

__all__ = [
    "Computed",
    "Contents",
    "Job",
    "Pruned",
    "Recipe",
    "Store",
    "assemble",
    "check_failures",
    "check_file_names",
    "compute",
    "contents",
    "key_of",
    "link_each",
    "missing_keys",
    "prune",
    "refill",
    "refill_rows",
]
