"""Folds: stratified, near-duplicates together, the same whatever the order of the videos."""

from collections import Counter
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import folds
from pipeline.errors import UserError
from pipeline.folds import deal, near_duplicates


def groups_by_plain_loops(means: npt.NDArray[np.float64], threshold: float) -> list[int]:
    """Spreads the lowest number over all pairs until nothing changes."""
    centred = means - means.mean(axis=0)
    group = list(range(len(means)))
    for _ in means:
        for one, other in combinations(range(len(means)), 2):
            a, b = centred[one], centred[other]
            norms = np.linalg.norm(a) * np.linalg.norm(b)
            if norms > 0 and a @ b / norms >= threshold:
                group[one] = group[other] = min(group[one], group[other])
    return group


def test_groups_by_hand() -> None:
    """Directions at 0, 8 and 16 degrees are a chain of neighbours; their opposites are another."""
    angles = np.deg2rad([0, 90, 8, 16, 180, 270, 188, 196])  # a centre at zero
    means = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    threshold = float(np.cos(np.deg2rad(10)))
    chains = [0, 1, 0, 0, 4, 5, 4, 4]
    assert near_duplicates(means, threshold).tolist() == chains
    moved_and_scaled = 3 * means + [100, -7]  # uncentred, all would be alike
    assert near_duplicates(moved_and_scaled, threshold).tolist() == chains
    assert near_duplicates(means, None).tolist() == list(range(8))


@given(st.integers(1, 14), st.integers(2, 4), st.integers(0, 999), st.sampled_from([0.5, 0.9]))
def test_groups_are_those_of_plain_loops(n: int, width: int, seed: int, threshold: float) -> None:
    means = np.random.default_rng(seed).normal(size=(n, width))
    assert near_duplicates(means, threshold).tolist() == groups_by_plain_loops(means, threshold)


@pytest.mark.parametrize("block", [1, 2, 3, 7, 100])
def test_groups_do_not_depend_on_the_block(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    means = np.random.default_rng(3).normal(size=(23, 3))
    whole = near_duplicates(means, 0.9)
    assert 1 < len(set(whole.tolist())) < 23
    monkeypatch.setattr(folds, "BLOCK", block)
    assert near_duplicates(means, 0.9).tolist() == whole.tolist()


@pytest.mark.filterwarnings("error")
def test_videos_that_are_their_mean_are_like_no_other() -> None:
    assert near_duplicates(np.ones((3, 2)), 0.5).tolist() == [0, 1, 2]


POPULATION = st.lists(
    st.tuples(st.sampled_from(["", "Fire", "Panic", "Theft"]), st.integers(0, 12)),
    min_size=3,
    max_size=40,
)


@given(POPULATION, st.integers(2, 5), st.randoms())
def test_folds_are_stratified_whole_and_independent_of_order(
    population: list[tuple[str, int]], n_folds: int, random: Random
) -> None:
    ids = [f"video {i}" for i in range(len(population))]
    strata = [stratum for stratum, _ in population]
    groups = [group for _, group in population]
    if len(set(groups)) < n_folds:
        with pytest.raises(UserError, match=f"folds is {n_folds}, .* only {len(set(groups))} "):
            deal(ids, strata, groups, n_folds)
        return
    found = dict(zip(ids, deal(ids, strata, groups, n_folds).tolist(), strict=True))
    assert set(found.values()) == set(range(n_folds))
    fold_of_group = {(g, found[v]) for g, v in zip(groups, ids, strict=True)}
    assert len(fold_of_group) == len(set(groups))
    sizes = Counter(fold for _, fold in fold_of_group)
    assert max(sizes.values()) - min(sizes.values()) <= 1
    order = list(range(len(ids)))
    random.shuffle(order)
    shuffled = [[column[i] for i in order] for column in (ids, strata)]
    again = deal(*shuffled, [groups[i] for i in order], n_folds)
    assert again.tolist() == [found[ids[i]] for i in order]


@given(st.lists(st.sampled_from(["", "Fire", "Panic"]), min_size=5, max_size=60))
def test_each_stratum_is_dealt_evenly(strata: list[str]) -> None:
    found = deal([f"v{i}" for i in range(len(strata))], strata, range(len(strata)), 5)
    for stratum in set(strata):
        held = Counter(f for f, own in zip(found.tolist(), strata, strict=True) if own == stratum)
        counts = [held[fold] for fold in range(5)]
        assert max(counts) - min(counts) <= 1


def test_the_order_within_a_stratum_is_that_of_hashes() -> None:
    """SHA-256 of a, b, c and d begin with ca, 3e, 2e, 18: d, c, b, a are dealt to 0, 1, 2, 0."""
    assert deal(["a", "b", "c", "d"], [""] * 4, range(4), 3).tolist() == [0, 2, 1, 0]


def test_a_group_counts_where_its_first_video_does() -> None:
    """d comes before a: the group of both lies in d's stratum, which is dealt after c's."""
    strata = ["Alpha", "Alpha", "Alpha", "Zeta"]
    found = deal(["a", "b", "c", "d"], strata, [0, 1, 2, 0], 3)
    assert found.tolist() == [2, 1, 0, 2]


def test_the_known_near_duplicates_of_real_features_are_found(shared_data: Path) -> None:
    table = pq.read_table(shared_data / "ucf_crime" / "c3d" / "train.parquet")
    flat = table["feature"].combine_chunks().flatten().to_numpy().reshape(-1, 32, 4096)
    ids = table["video_id"].to_pylist()[::32]
    group = near_duplicates(flat.mean(axis=1, dtype=np.float32), 0.95)
    found = [
        sorted(ids[i].removesuffix("_x264") for i in np.flatnonzero(group == number))
        for number, count in Counter(group.tolist()).items()
        if count > 1
    ]
    assert sorted(found) == [
        ["Assault050", "Robbery138"],
        ["Normal_Videos113", "Normal_Videos364"],
        ["Normal_Videos372", "Normal_Videos680"],
        ["RoadAccidents007", "RoadAccidents050"],
    ]
