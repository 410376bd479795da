"""Resamples of test videos and the interval of a metric over them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics.bootstrap import interval, resample_weights
from pipeline.metrics.scored import Floats


def flags(text: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """`flags("010")`: the second of three videos is abnormal."""
    return np.array([mark == "1" for mark in text], dtype=bool)


@given(st.text("01", max_size=9), st.integers(0, 20), st.integers(0, 5))
def test_resamples_keep_the_numbers_of_normal_and_abnormal_videos(
    marks: str, resamples: int, seed: int
) -> None:
    abnormal = flags(marks)
    weights = resample_weights(abnormal, resamples, seed)
    alone = 1 in (abnormal.sum(), (~abnormal).sum())
    assert weights.shape == (1 + (0 if alone else resamples), len(marks))
    assert (weights[0] == 1).all()
    assert (weights >= 0).all()
    assert (weights == weights.round()).all()
    assert (weights[:, abnormal].sum(axis=1) == abnormal.sum()).all()
    assert (weights[:, ~abnormal].sum(axis=1) == (~abnormal).sum()).all()


def test_a_seed_gives_the_same_resamples() -> None:
    abnormal = flags("0010110100")
    first = resample_weights(abnormal, 30, seed=4)
    assert (first == resample_weights(abnormal, 30, seed=4)).all()
    assert (first != resample_weights(abnormal, 30, seed=5)).any()
    assert (first[1:] != first[1]).any()


def test_each_video_of_a_kind_is_as_likely_as_the_others() -> None:
    abnormal = flags("0110010")
    weights = resample_weights(abnormal, 20_000)[1:]
    np.testing.assert_allclose(weights.mean(axis=0), np.ones(7), atol=0.04)
    # n draws of n videos: the variance of how often one is drawn is 1 - 1/n
    expected = np.where(abnormal, 1 - 1 / 3, 1 - 1 / 4)
    np.testing.assert_allclose(weights.var(axis=0), expected, atol=0.04)


def test_the_interval_of_known_values() -> None:
    # 201 values: the 2.5 % and 97.5 % quantiles are those at 5 and 195
    values = np.random.default_rng(0).permutation(201).astype(np.float64)
    assert interval(values) == pytest.approx((5, 195))
    # between two values the quantile is interpolated: 0.025 and 0.975 of the way
    assert interval(np.array([1.0, 3.0])) == pytest.approx((1.05, 2.95))
    assert interval(np.array([0.25])) == (0.25, 0.25)


def test_resamples_without_a_value_are_left_out() -> None:
    values = np.random.default_rng(0).permutation(201).astype(np.float64)
    scattered = np.insert(values, [0, 50, 50, 201], np.nan)
    assert interval(scattered) == interval(values)
    assert interval(np.array([np.nan, np.nan])) is None
    assert interval(np.zeros(0)) is None


def test_a_fifth_of_the_resamples_without_a_value_is_too_much() -> None:
    values = np.array([1.0, 3.0] * 45)
    assert interval(np.append(values, [np.nan] * 22)) == (1, 3)
    assert interval(np.append(values, [np.nan] * 23)) is None


def test_a_metric_of_one_video_of_many_has_no_interval_and_one_of_two_has() -> None:
    weights = resample_weights(flags("01" * 20), 1000)[1:]
    for n_videos, known in ((1, False), (2, True)):
        drawn = weights[:, 1 : 2 * n_videos : 2].sum(axis=1)  # abnormal videos stand at 1, 3, ...
        assert (interval(np.where(drawn > 0, 0.5, np.nan)) is not None) == known


def test_a_kind_of_one_video_is_not_resampled() -> None:
    assert resample_weights(flags("0001"), 50).tolist() == [[1, 1, 1, 1]]
    assert resample_weights(flags("1011"), 50).tolist() == [[1, 1, 1, 1]]
    assert len(resample_weights(flags("000"), 50)) == 51


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says() -> None:
    """300 test sets of 60 values each; a share of 0.95 has a standard error of 0.0126."""
    rng = np.random.default_rng(1)
    weights: Floats = resample_weights(flags("01" * 30), 300)[1:]
    covered, widths = 0, []
    for values in rng.normal(0.5, 0.1, (300, 60)):
        bounds = interval(weights @ values / 60)
        assert bounds is not None
        covered += bounds[0] <= 0.5 <= bounds[1]
        widths.append(bounds[1] - bounds[0])
    assert 0.90 <= covered / 300 <= 0.99
    assert np.mean(widths) == pytest.approx(2 * 1.96 * 0.1 / 60**0.5, rel=0.1)
