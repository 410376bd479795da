"""Hostile video files, made on the spot, each with the outcome that reading it must have.

`python -m tests.video.hostile FOLDER` writes them all and prints the table.
"""

from tests.video.hostile import coded, damaged, no_video, odd
from tests.video.hostile.case import Case, Salvaged

CASES: tuple[Case, ...] = (*coded.CASES, *odd.CASES, *damaged.CASES, *no_video.CASES)
BY_NAME = {case.name: case for case in CASES}

__all__ = ["BY_NAME", "CASES", "Case", "Salvaged"]
