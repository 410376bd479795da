"""Frame metrics: a table by hand, and scikit-learn on arrays built frame by frame."""

from typing import cast

import numpy as np
import pytest
from hypothesis import given

from pipeline.metrics.frame import frame_auc, frame_metrics
from pipeline.metrics.scored import Floats, GtLength, ScoredVideo
from pipeline.metrics.values import Name, Values
from tests.metrics.plain_frames import (
    CATEGORIES,
    GT_LENGTHS,
    TEST_SETS,
    Frames,
    make_video,
    ones,
    plain,
    plain_frames,
    reason,
    repeated,
    sklearn_ap,
    sklearn_auc,
    sklearn_trapezoid,
    weighted_test_sets,
)

# Frames 0 and 1 of the abnormal video score 0.9, 2 and 3 score 0.2; its event is [1, 3).
ABNORMAL = make_video("a", 4, [0.9, 0.2], (1, 3))
NORMAL = make_video("n", 4, [0.1, 0.6])
FLAT = ("frame_auc", "ano_auc", "ap", "ap_trapezoid")


def measured(*videos: ScoredVideo, gt_length: GtLength = "frames") -> dict[Name, Values]:
    return frame_metrics(videos, ones(videos), gt_length)


def test_two_videos_by_hand() -> None:
    found = measured(ABNORMAL, NORMAL)
    # positives 0.9, 0.2; negatives 0.9, 0.2, 0.1, 0.1, 0.6, 0.6: (0.5 + 5) + (2 + 0.5) of 12
    assert plain(found["frame_auc",]) == pytest.approx(8 / 12)
    # within the abnormal video: 0.9 ties 0.9 and beats 0.2; 0.2 loses, and ties
    assert plain(found["ano_auc",]) == pytest.approx((0.5 + 1 + 0 + 0.5) / 4)
    # recall 1/2 at precision 1/2 (above 0.9), recall 1 at 2/6 (above 0.2)
    assert plain(found["ap",]) == pytest.approx(0.5 * 0.5 + 0.5 * 2 / 6)
    # points (0, 1), (1/2, 1/2), (1/2, 1/4) at 0.6, (1, 2/6)
    trapezoid = 0.5 * (1 + 0.5) / 2 + 0.5 * (0.25 + 2 / 6) / 2
    assert plain(found["ap_trapezoid",]) == pytest.approx(trapezoid)
    assert plain(found["by_category", "Fire", "auc"]) == pytest.approx(8 / 12)
    assert plain(found["by_category", "Fire", "auc_within"]) == pytest.approx(0.5)
    names = [(name,) for name in FLAT]
    assert list(found) == [
        *names,
        ("by_category", "Fire", "auc"),
        ("by_category", "Fire", "auc_within"),
    ]


def expected_metrics(
    videos: list[ScoredVideo], times: list[int], gt_length: GtLength
) -> dict[Name, float]:
    """Scikit-learn's numbers of the test set with each video as often as `times` says."""
    there = repeated(videos, times)

    def written(chosen: list[ScoredVideo]) -> Frames:
        return plain_frames(chosen, gt_length)

    everything, normal = written(there), [video for video in there if not video.categories]
    found: dict[Name, float] = {
        ("frame_auc",): sklearn_auc(everything),
        ("ano_auc",): sklearn_auc(written([video for video in there if video.categories])),
        ("ap",): sklearn_ap(everything),
        ("ap_trapezoid",): sklearn_trapezoid(everything),
    }
    for name in CATEGORIES:
        if any(name in video.categories for video in videos):
            own = [video for video in there if name in video.categories]
            found["by_category", name, "auc"] = sklearn_auc(written(own + normal))
            found["by_category", name, "auc_within"] = sklearn_auc(written(own))
    return found


@given(weighted_test_sets(), GT_LENGTHS)
def test_every_metric_is_that_of_scikit_learn_on_frames(
    test_set: tuple[list[ScoredVideo], list[list[int]]], gt_length: GtLength
) -> None:
    videos, times = test_set
    found = frame_metrics(videos, np.array(times, dtype=np.float64), gt_length)
    expected = [expected_metrics(videos, row, gt_length) for row in times]
    assert set(found) == set(expected[0])
    for name, values in found.items():
        numbers = [row[name] for row in expected]
        if np.isnan(numbers[0]):
            assert reason(values)
        else:
            np.testing.assert_allclose(cast(Floats, values), numbers, err_msg=str(name))


@given(TEST_SETS, GT_LENGTHS)
def test_frame_auc_alone_is_the_same(videos: list[ScoredVideo], gt_length: GtLength) -> None:
    alone = frame_auc(videos, ones(videos), gt_length)
    assert alone == frame_metrics(videos, ones(videos), gt_length)["frame_auc",]


def random_videos(seed: int) -> list[ScoredVideo]:
    """Longer videos with scores of one decimal, of which many are equal."""
    rng = np.random.default_rng(seed)
    videos = []
    for number in range(10):
        n_frames, scores = int(rng.integers(3, 400)), rng.random(int(rng.integers(1, 40))).round(1)
        start = int(rng.integers(0, n_frames - 1))
        events = [(start, int(rng.integers(start + 1, n_frames + 1)))] if number % 2 else []
        shown = [CATEGORIES[number // 2 % 2]] if number % 2 else []
        videos.append(make_video(str(number), n_frames, scores.tolist(), *events, categories=shown))
    return videos


@pytest.mark.parametrize("seed", range(5))
def test_long_videos_against_scikit_learn(seed: int) -> None:
    videos = random_videos(seed)
    for gt_length in ("frames", "floor16"):
        found = measured(*videos, gt_length=gt_length)
        expected = expected_metrics(videos, [1] * len(videos), gt_length)
        assert {name: plain(values) for name, values in found.items()} == pytest.approx(expected)


def test_ano_auc_does_not_see_normal_videos() -> None:
    other = make_video("n", 9, [0.95, 0.99])
    alone, both = measured(ABNORMAL), measured(ABNORMAL, other)
    assert alone["ano_auc",] == both["ano_auc",]
    assert alone["frame_auc",] != both["frame_auc",]


def test_a_category_is_judged_beside_normal_videos_and_by_itself() -> None:
    fire = make_video("f", 4, [0.9, 0.2], (0, 2), categories=["Fire"])
    panic = make_video("p", 4, [0.3, 0.4], (2, 4), categories=["Panic"])
    both = make_video("b", 4, [0.1, 0.8], (2, 4), categories=["Fire", "Panic"])
    found = measured(fire, NORMAL, panic, both)
    assert [name[1] for name in found if name[0] == "by_category"] == ["Fire"] * 2 + ["Panic"] * 2
    # Fire: 0.9, 0.9, 0.8, 0.8 against 0.2, 0.2, 0.1, 0.1 of its own and the normal 0.1, 0.6
    assert plain(found["by_category", "Fire", "auc"]) == 1.0
    # Panic: 0.4, 0.4, 0.8, 0.8 against 0.3, 0.3, 0.1, 0.1, 0.1, 0.1, 0.6, 0.6
    assert plain(found["by_category", "Panic", "auc"]) == pytest.approx((2 * 6 + 2 * 8) / 32)
    assert plain(found["by_category", "Panic", "auc_within"]) == 1.0


def test_abnormal_video_without_events_counts_for_no_frame_metric() -> None:
    unmarked = make_video("u", 50, [0.05, 0.05], categories=["Fire"])
    without, found = measured(ABNORMAL, NORMAL), measured(ABNORMAL, NORMAL, unmarked)
    assert found == without


def test_fewer_frames_than_snippets() -> None:
    short = make_video("s", 2, [0.9, 0.1, 0.9, 0.8], (1, 2))  # frames score 0.1 and 0.8
    found = measured(short, make_video("n", 2, [0.2]))
    assert plain(found["ano_auc",]) == plain(found["frame_auc",]) == 1.0


def test_a_shift_of_all_scores_changes_nothing() -> None:
    videos = random_videos(0)
    moved = [
        ScoredVideo(v.video_id, v.n_frames, 1024 + 8 * v.scores, v.categories, v.events)
        for v in videos
    ]
    assert measured(*moved) == measured(*videos)


def test_undefined_without_normal_frames() -> None:
    found = measured(make_video("w", 4, [0.3, 0.4], (0, 4)))
    assert reason(found["frame_auc",]) == "frames with ground truth: all abnormal"
    assert reason(found["ano_auc",]) == "frames of abnormal videos with events: all abnormal"
    assert plain(found["ap",]) == plain(found["ap_trapezoid",]) == 1.0
    own, within = (found["by_category", "Fire", key] for key in ("auc", "auc_within"))
    assert reason(own) == "frames of Fire and of normal videos: all abnormal"
    assert reason(within) == "frames of Fire: all abnormal"


def test_undefined_without_abnormal_videos() -> None:
    found = measured(NORMAL)
    for name in ("frame_auc", "ap", "ap_trapezoid"):
        assert reason(found[name,]) == "frames with ground truth: all normal"
    assert reason(found["ano_auc",]) == "frames of abnormal videos with events: none there"
    assert list(found) == [(name,) for name in FLAT]


def test_undefined_without_videos() -> None:
    found = measured()
    for name in ("frame_auc", "ap", "ap_trapezoid"):
        assert reason(found[name,]) == "frames with ground truth: none there"
    assert reason(found["ano_auc",]) == "frames of abnormal videos with events: none there"


def test_undefined_where_no_event_is_known() -> None:
    unknown = make_video("u", 4, [0.1, 0.9], categories=["Fire"])
    found = measured(NORMAL, unknown)
    what = "frames with ground truth (1 abnormal videos have no annotated event)"
    for name in ("frame_auc", "ap", "ap_trapezoid"):
        assert reason(found[name,]) == f"{what}: all normal"
    assert reason(found["ano_auc",]) == "frames of abnormal videos with events: none there"
    own, within = (found["by_category", "Fire", key] for key in ("auc", "auc_within"))
    assert reason(own) == "frames of Fire and of normal videos: all normal"
    assert reason(within) == "frames of Fire: none there"


def test_undefined_where_floor16_leaves_no_frame() -> None:
    found = measured(make_video("s", 16, [0.3, 0.4], (0, 4)), NORMAL, gt_length="floor16")
    assert reason(found["frame_auc",]) == "frames with ground truth: none there"
    assert reason(found["by_category", "Fire", "auc_within"]) == "frames of Fire: none there"


def test_a_resample_without_abnormal_videos_has_no_number_and_the_plain_set_keeps_its_own() -> None:
    found = frame_metrics([ABNORMAL, NORMAL], np.array([[1.0, 1.0], [0.0, 2.0]]))
    for name in FLAT:
        values = found[name,]
        assert plain(values) > 0
        assert np.isnan(cast(Floats, values)).tolist() == [False, True]
