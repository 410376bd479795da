"""Small real videos for tests."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.demo.encode import write_mp4


def write_video(
    path: Path, n_frames: int, *, seed: int = 0, size: tuple[int, int] = (64, 48)
) -> Path:
    """An H.264 file at 25 frames a second: a block that moves over fixed noise."""
    rng = np.random.default_rng(seed)
    width, height = size
    background = rng.integers(60, 120, (height, width, 3), dtype=np.uint8)
    frames = []
    for number in range(n_frames):
        frame = background.copy()
        left = (2 * number + 5 * seed) % (width - 12)
        frame[height // 3 : height // 3 + 14, left : left + 12] = (220, 40 + seed % 100, 40)
        frames.append(frame)
    times = np.arange(n_frames) / 25
    write_mp4(path, frames, times, fps=Fraction(25), codec="plain")
    return path
