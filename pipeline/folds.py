"""Folds for cross-validation: stratified, the same whatever the order of the videos.

Near-duplicate videos (a scene uploaded twice, a video cut in two) stay in one fold: a head that
trained on one would know the other.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.errors import UserError

BLOCK = 2048  # videos compared with as many others at a time

Numbers = npt.NDArray[np.int64]


def near_duplicates(means: npt.NDArray[np.floating], threshold: float | None) -> Numbers:
    """Group (N,) of each of N videos: the lowest number of a video in it.

    Two videos share a group when their mean features `means` (N, D), centred by the mean over all
    videos, have a cosine of `threshold` or more, or when a chain of such pairs joins them.
    None: each video is a group. Memory is that of `means` and one block, never N x N.
    """
    groups = np.arange(len(means))
    if threshold is None:
        return groups
    centred = means - means.mean(axis=0, dtype=np.float64)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = (centred / np.where(norms > 0, norms, 1)).astype(np.float32)
    for first in range(0, len(unit), BLOCK):
        for second in range(first, len(unit), BLOCK):
            cosines = unit[first : first + BLOCK] @ unit[second : second + BLOCK].T
            rows, columns = np.nonzero(cosines >= threshold)
            _join(groups, rows + first, columns + second)
    return np.array([_root(groups, i) for i in range(len(groups))], dtype=np.int64)


def _join(parents: Numbers, left: Numbers, right: Numbers) -> None:
    """Union by pairs; `parents` holds, of each video, itself or a lower one of its group."""
    for one, other in zip(left[left < right], right[left < right], strict=True):
        low, high = sorted((_root(parents, one), _root(parents, other)))
        parents[high] = low


def _root(parents: Numbers, video: int) -> int:
    while parents[video] != video:
        parents[video] = parents[parents[video]]  # halves the way for the next one
        video = parents[video]
    return int(video)


def deal(
    video_ids: Sequence[str], strata: Sequence[str], groups: Sequence[int] | Numbers, n_folds: int
) -> Numbers:
    """Fold (N,), 0 .. n_folds - 1, of each video; the videos of a group get the same.

    Groups are dealt out like cards, stratum after stratum, within one in the order of a hash, so
    that two folds differ by at most one group, in a stratum and in all. A group counts in the
    stratum and with the hash of its video of the lowest SHA-256. Raises `UserError` when there are
    fewer groups than folds.
    """
    hashes = [hashlib.sha256(video_id.encode()).digest() for video_id in video_ids]
    first: dict[int, int] = {}  # of each group its representative
    for video in sorted(range(len(hashes)), key=hashes.__getitem__):
        first.setdefault(int(groups[video]), video)
    if len(first) < n_folds:
        raise UserError(
            f"crossvalidate.folds is {n_folds}, but there are only {len(first)} videos or groups "
            "of near-duplicates to train on; lower it"
        )
    ordered = sorted(first, key=lambda group: (strata[first[group]], hashes[first[group]]))
    fold_of = {group: place % n_folds for place, group in enumerate(ordered)}
    return np.array([fold_of[int(group)] for group in groups], dtype=np.int64)
