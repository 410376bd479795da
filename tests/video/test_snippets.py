"""Snippet arithmetic in exact integers, for videos of any length."""

from fractions import Fraction
from itertools import pairwise
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.video.snippets import edges, plan, sample

FRAMES = st.integers(1, 10**6) | st.integers(1, 10**20)
SNIPPETS = st.integers(1, 80)
COUNTS = st.integers(1, 40)


def test_edges_by_hand() -> None:
    assert edges(10, 4) == [0, 2, 5, 7, 10]
    assert edges(8, 4) == [0, 2, 4, 6, 8]
    assert edges(3, 5) == [0, 0, 1, 1, 2, 3]
    assert edges(1, 1) == [0, 1]


def test_sample_by_hand() -> None:
    assert sample(0, 8, 4) == [1, 3, 5, 7]
    assert sample(10, 13, 3) == [10, 11, 12]
    assert sample(10, 20, 1) == [15]
    assert sample(4, 6, 4) == [4, 4, 5, 5]
    assert sample(7, 7, 3) == [7, 7, 7]


def test_plan_by_hand() -> None:
    assert plan(10, 2, 2) == [(0, 5, [1, 3]), (5, 10, [6, 8])]


@given(FRAMES, SNIPPETS)
def test_edges_cover_the_video_without_gap_or_overlap(n_frames: int, n_snippets: int) -> None:
    cuts = edges(n_frames, n_snippets)
    assert len(cuts) == n_snippets + 1
    assert cuts[0] == 0
    assert cuts[-1] == n_frames
    sizes = [end - start for start, end in pairwise(cuts)]
    assert min(sizes) >= 0
    assert max(sizes) - min(sizes) <= 1


@given(FRAMES, SNIPPETS)
def test_edges_are_exact(n_frames: int, n_snippets: int) -> None:
    exact = [floor(Fraction(i) * n_frames / n_snippets) for i in range(n_snippets + 1)]
    assert edges(n_frames, n_snippets) == exact


@given(st.integers(0, 10**20), st.integers(0, 200) | st.integers(0, 10**20), COUNTS)
def test_samples_are_the_centres_of_equal_parts(start: int, length: int, count: int) -> None:
    found = sample(start, start + length, count)
    part = Fraction(length, count)
    assert found == [start + floor((j + Fraction(1, 2)) * part) for j in range(count)]


@given(st.integers(0, 10**20), st.integers(1, 200) | st.integers(1, 10**20), COUNTS)
def test_samples_lie_inside_in_order_and_symmetric(start: int, length: int, count: int) -> None:
    end = start + length
    found = sample(start, end, count)
    assert all(start <= frame < end for frame in found)
    assert found == sorted(found)
    for frame, mirrored in zip(found, reversed(found), strict=True):
        # Twice the centre is start + end - 1; rounding down moves a sum by 1.
        assert frame + mirrored - (start + end - 1) in (0, 1)


@given(st.integers(1, 60) | FRAMES, SNIPPETS, COUNTS)
def test_plan_joins_edges_and_samples_of_real_frames(n: int, n_snippets: int, count: int) -> None:
    planned = plan(n, n_snippets, count)
    assert [(start, end) for start, end, _ in planned] == list(pairwise(edges(n, n_snippets)))
    for start, end, frames in planned:
        assert len(frames) == count
        assert all(0 <= frame < n for frame in frames)
        assert all(start <= frame < end for frame in frames) or start == end
    everything = [frame for _, _, frames in planned for frame in frames]
    assert everything == sorted(everything)


@pytest.mark.parametrize(("n_frames", "n_snippets"), [(0, 4), (-3, 4), (5, 0), (5, -1)])
def test_impossible_cuts_are_an_error(n_frames: int, n_snippets: int) -> None:
    with pytest.raises(ValueError, match=f"{n_frames} frames cannot be cut into {n_snippets}"):
        edges(n_frames, n_snippets)
