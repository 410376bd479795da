"""Motion intensity and the predictor of shift ratios, against plain loops."""

import math
from itertools import pairwise
from statistics import fmean, pvariance, stdev

import pytest
import torch

from pipeline.models.motion import EPSILON, ShiftRatio, log_motion, motion_intensity
from tests.models.toy import normal


def test_motion_intensity_is_the_variance_of_differences() -> None:
    features = normal(3, 6, 10)
    found = motion_intensity(features)
    assert found.shape == (3, 6)
    for x, intensities in zip(features.tolist(), found.tolist(), strict=True):
        assert intensities[0] == 0
        for (before, now), intensity in zip(pairwise(x), intensities[1:], strict=True):
            difference = [b - a for a, b in zip(before, now, strict=True)]
            assert intensity == pytest.approx(pvariance(difference), rel=1e-4)


def test_motion_by_hand() -> None:
    features = torch.tensor([[[0.0, 0.0], [3.0, 1.0], [4.0, 2.0]]])
    assert motion_intensity(features).tolist() == [[0.0, 1.0, 0.0]]  # a common rise is no motion
    least = math.log(1e-8)
    assert log_motion(features)[0].tolist() == pytest.approx([least, 0.0, least], abs=1e-5)


def test_motion_of_a_video_is_its_own() -> None:
    features = normal(4, 6, 10)
    together = log_motion(features)
    for video in range(4):
        assert log_motion(features[video : video + 1])[0].equal(together[video])


def test_statistics_are_those_of_the_motion_given_without_first_snippets() -> None:
    features = normal(4, 6, 10)
    ratio = ShiftRatio()
    ratio.fit_statistics(log_motion(features))
    logs = [
        math.log(v + EPSILON) for row in motion_intensity(features)[:, 1:].tolist() for v in row
    ]
    assert ratio.mean.item() == pytest.approx(fmean(logs), rel=1e-4)
    assert ratio.deviation.item() == pytest.approx(stdev(logs), rel=1e-4)


def test_scoring_other_videos_leaves_the_statistics_alone() -> None:
    ratio = ShiftRatio()
    ratio.fit_statistics(log_motion(normal(4, 6, 10)))
    before = {name: value.clone() for name, value in ratio.named_buffers()}
    for mode in (True, False):
        ratio.train(mode)(log_motion(9 * normal(4, 6, 10, seed=1)))
    assert set(before) == {"mean", "deviation"}
    assert all(value.equal(before[name]) for name, value in ratio.named_buffers())


def test_ratio_is_the_predictor_of_the_standardised_log_motion() -> None:
    torch.manual_seed(0)
    ratio = ShiftRatio()
    features = normal(4, 6, 10)
    motion = log_motion(features)
    ratio.fit_statistics(motion)
    found = ratio(motion)
    assert found.shape == (4, 6)
    for video, t in [(0, 1), (2, 3), (3, 5)]:
        v = motion_intensity(features)[video, t].item()
        z = (math.log(v + EPSILON) - ratio.mean.item()) / ratio.deviation.item()
        expected = ratio.layers(torch.tensor([z])).sigmoid().item()
        assert found[video, t].item() == pytest.approx(expected, abs=1e-5)


def test_extreme_motion_counts_as_three_deviations() -> None:
    torch.manual_seed(0)
    ratio = ShiftRatio()
    ratio.fit_statistics(log_motion(normal(4, 6, 10)))
    moving = torch.stack([1e4 * normal(3, 10), 1e6 * normal(3, 10, seed=1)])
    highest = ratio.layers(torch.tensor([3.0])).sigmoid().item()
    assert ratio(log_motion(moving))[:, 1:].flatten().tolist() == pytest.approx([highest] * 4)
    lowest = ratio.layers(torch.tensor([-3.0])).sigmoid().item()
    still = log_motion(torch.ones(1, 3, 10))
    assert ratio(still)[0].tolist() == pytest.approx([lowest] * 3)


def test_static_training_videos_leave_a_usable_scale() -> None:
    torch.manual_seed(0)
    ratio = ShiftRatio()
    ratio.fit_statistics(log_motion(torch.ones(3, 6, 10)))
    assert ratio.deviation.item() == pytest.approx(1e-3)  # not 0, nor what rounding leaves
    usual = ratio.layers(torch.zeros(1)).sigmoid().item()
    still = log_motion(torch.ones(2, 4, 10))
    assert ratio(still).flatten().tolist() == pytest.approx([usual] * 8, abs=1e-2)
    assert torch.isfinite(ratio(log_motion(normal(2, 6, 10)))).all()
