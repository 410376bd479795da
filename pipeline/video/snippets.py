"""Snippet arithmetic: pure, in integers, exact.

A video of n frames is cut at `floor(i * n / T)`, i = 0..T. Snippet i is the half-open
frame interval `[edge[i], edge[i + 1])`: its score covers exactly these frames of the
original video.
"""

from itertools import pairwise


def edges(n_frames: int, n_snippets: int) -> list[int]:
    """The T + 1 frame numbers at which a video of `n_frames` is cut; first 0, last `n_frames`.

    Raises `ValueError` for a video without frames or a count of snippets below 1.
    """
    if n_frames < 1 or n_snippets < 1:
        raise ValueError(f"{n_frames} frames cannot be cut into {n_snippets} snippets")
    return [i * n_frames // n_snippets for i in range(n_snippets + 1)]


def sample(start: int, end: int, count: int) -> list[int]:
    """`count` frame numbers of `[start, end)`: the centres of `count` equal parts.

    Non-decreasing; frames repeat when the interval is shorter than `count`. An empty interval
    (a video with fewer frames than snippets) gives the frame at its start.
    """
    length = end - start
    return [start + (2 * j + 1) * length // (2 * count) for j in range(count)]


def plan(
    n_frames: int, n_snippets: int, frames_per_snippet: int
) -> list[tuple[int, int, list[int]]]:
    """For each snippet `(start, end, sampled frame numbers)`; every number is below `n_frames`."""
    cuts = edges(n_frames, n_snippets)
    return [(start, end, sample(start, end, frames_per_snippet)) for start, end in pairwise(cuts)]
