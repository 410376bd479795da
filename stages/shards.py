"""A share of a stage's videos, for one of several processes or machines on one work store."""

import argparse
import hashlib
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Shard:
    """The share `number` (from 1, as in `sbatch --array=1-16`) of `count` shares.

    A share is drawn by digest: it depends on nothing but the video (its piece's key), so that a
    video added later moves no other one. Shares of `n` videos differ by about the square root of
    `n / count`.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """From `3/16`; an error that argparse prints when it is no such pair."""
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if match and 1 <= int(match[1]) <= int(match[2]):
            return cls(int(match[1]), int(match[2]))
        raise argparse.ArgumentTypeError(
            f"expected I/N with I from 1 to N, as in 3/16 (a Slurm array: 1-N); found '{text}'"
        )

    def holds(self, name: str) -> bool:
        """Whether what has that name (a key, a video id) is of this share, and of no other."""
        digest = hashlib.sha256(name.encode()).digest()
        return int.from_bytes(digest[:8]) % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
