"""A digest of the source code that decides what scores a trained head gives.

What is kept of a training run is found again by it: an edit of a head, a loss or the training is
another run, whether or not anybody thought of raising a number. An edit of a comment there is one
too, which costs time and no result.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
SOURCES = (  # files and folders of the package; the metrics choose the best epoch
    "config/heads.py",
    "features.py",
    "losses",
    "metrics/frame.py",
    "metrics/ranking.py",
    "metrics/scored.py",
    "metrics/video.py",
    "models",
    "training",
    "trials/trainer.py",
)


@cache
def of_training(package: Path = PACKAGE) -> str:
    """Digest of the names and bytes of all that `SOURCES` names below `package`."""
    digest = hashlib.sha256()
    for path in sorted(_files(package)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(package).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _files(package: Path) -> Iterator[Path]:
    for name in SOURCES:
        path = package / name
        yield from path.rglob("*.py") if path.is_dir() else [path]
