"""All metrics of one set of scores: what stands where, and why what is undefined is so."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.config import Evaluate
from pipeline.metrics import category, detection
from pipeline.metrics.bootstrap import resample_weights
from pipeline.metrics.detection import ClassifiedVideo
from pipeline.metrics.evaluate import FLAT, FORMS, THRESHOLDS, evaluate, undefined
from pipeline.metrics.frame import frame_metrics
from pipeline.metrics.scored import ScoredVideo, Undefined
from pipeline.metrics.summary import over_seeds
from pipeline.metrics.values import Name, Values
from pipeline.metrics.video import false_alarm_rate, video_auc
from tests.metrics.plain_frames import make_video, ones, plain, reason, repeated

SETTINGS = Evaluate(false_alarm_threshold=0.5, gt_length="frames", resamples=0)
CATEGORIES = ["Fighting", "Fire"]
NO_CATEGORIES = "this head gives no category probabilities"
NO_EVENT = "no test video has an annotated event"
DETECTION: list[Name] = [(form, name) for form in FORMS for name in THRESHOLDS]
FIRE = make_video("f", 8, [0.1, 0.9, 0.2, 0.3], (2, 4), category_prob=[0.25, 0.5])
FIGHT = make_video(
    "b", 8, [0.6, 0.1, 0.9, 0.8], (4, 7), categories=["Fighting"], category_prob=[0.5, 0.25]
)
NORMAL = make_video("n", 6, [0.2, 0.7, 0.4], category_prob=[0.5, 0.5])
UNMARKED = make_video("u", 8, [0.5, 0.4], categories=["Fire"], category_prob=[0.75, 0.5])
TEST_SET = [FIRE, NORMAL, UNMARKED, FIGHT]
LARGER = [*TEST_SET, *(replace(video, video_id=video.video_id * 2) for video in TEST_SET)]


def measured(*videos: ScoredVideo, **changes: Any) -> dict[Name, Values]:
    settings = SETTINGS.model_copy(update=changes)
    return evaluate(videos, CATEGORIES, settings, ones(videos))


def test_each_metric_stands_in_its_place() -> None:
    weights = resample_weights(np.array([video.abnormal for video in LARGER]), 20)
    found = evaluate(LARGER, CATEGORIES, SETTINGS, weights)
    expected: dict[Name, Values] = {
        **frame_metrics(LARGER, weights),
        ("video_auc",): video_auc(LARGER, weights),
        ("false_alarm_rate",): false_alarm_rate(LARGER, weights, 0.5, "frames"),
        ("category_accuracy",): category.accuracy(LARGER, CATEGORIES, weights),
        ("category_ap",): category.mean_ap(LARGER, CATEGORIES, weights),
    }
    assert set(found) == set(expected) | set(DETECTION)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
        assert np.shape(found[name]) == (21,)  # type: ignore[arg-type]
    assert list(THRESHOLDS) == ["iou_10", "iou_20", "iou_30", "iou_40", "iou_50", "avg"]
    assert plain(found["category_accuracy",]) == pytest.approx(2 / 3)


def test_settings_reach_their_metrics() -> None:
    assert plain(measured(*TEST_SET)["false_alarm_rate",]) == pytest.approx(2 / 6)
    found = measured(*TEST_SET, false_alarm_threshold=0.39)
    assert plain(found["false_alarm_rate",]) == pytest.approx(4 / 6)
    found = measured(*TEST_SET, gt_length="floor16")  # no video is longer than 16 frames
    assert reason(found["frame_auc",]).endswith("none there")
    assert reason(found["false_alarm_rate",]) == "frames of normal test videos: none there"
    assert plain(found["video_auc",]) == plain(measured(*TEST_SET)["video_auc",])


def classified(video: ScoredVideo, *events: tuple[int, int, int]) -> ClassifiedVideo:
    """What detection is to see of a video: each frame's probability of each class."""
    assert video.category_prob is not None
    curves = [
        [1 - score, *(score * probability for probability in video.category_prob)]
        for score in video.scores.tolist()
    ]
    return ClassifiedVideo(video.video_id, video.n_frames, np.array(curves), events)


@pytest.mark.parametrize("normal_spans", [False, True])
def test_detection_sees_the_videos_whose_events_are_known(normal_spans: bool) -> None:
    calm = make_video("c", 6, [0.9, 0.1, 0.2], category_prob=[0.5, 0.5])
    weights = np.array([[1, 1, 1, 1], [2, 0, 0, 1], [0, 1, 2, 1], [1, 3, 1, 0]], dtype=np.float64)
    test_set = [FIRE, calm, UNMARKED, FIGHT]
    found = evaluate(test_set, CATEGORIES, SETTINGS, weights, normal_spans=normal_spans)
    span = [(0, 6, detection.NORMAL)] if normal_spans else []
    videos = [
        classified(FIRE, (2, 4, 1)),
        classified(calm, *span),
        classified(FIGHT, (4, 7, 0)),
    ]
    for form, compat in (("map", False), ("map_compat", True)):
        expected = detection.mean_ap(videos, weights[:, [0, 1, 3]], compat=compat)
        for column, name in enumerate(THRESHOLDS):
            np.testing.assert_array_equal(found[form, name], expected[:, column])
    assert 0 < plain(found["map", "iou_10"]) <= 1


def test_a_perfect_head_is_perfect_in_detection() -> None:
    fire = make_video("f", 8, [0, 1, 0, 0], (2, 4), category_prob=[0, 1])
    fight = make_video("b", 8, [0, 0, 1, 1], (4, 8), categories=["Fighting"], category_prob=[1, 0])
    normal = make_video("n", 6, [0, 0, 0], category_prob=[0, 0])
    found = measured(fire, normal, fight)
    assert [plain(found["map", name]) for name in THRESHOLDS] == [1.0] * 6
    # over Normal, which is annotated nowhere, and two categories
    assert [plain(found["map_compat", name]) for name in THRESHOLDS] == pytest.approx([2 / 3] * 6)


def test_a_weight_is_how_often_a_video_is_there() -> None:
    times = [2, 1, 0, 3]
    weights = np.array([[1.0] * 4, times])
    found = evaluate(TEST_SET, CATEGORIES, SETTINGS, weights)
    there = measured(*repeated(TEST_SET, times))
    for name, values in found.items():
        if name not in DETECTION:  # copies of one segment share a rank: see its own tests
            assert not isinstance(values, Undefined)
            assert values[1] == pytest.approx(plain(there[name])), name


def test_normal_videos_are_events_of_the_compat_form_where_the_field_has_it_so() -> None:
    # the normal video's curve of Normal is 0.8, 0.3, 0.6: above 0.5 in frames [0, 2) and [4, 6)
    once = ones(TEST_SET)
    without = evaluate(TEST_SET, CATEGORIES, SETTINGS, once)
    found = evaluate(TEST_SET, CATEGORIES, SETTINGS, once, normal_spans=True)
    changed = {name for name in found if str(found[name]) != str(without[name])}
    assert changed == {("map_compat", "iou_10"), ("map_compat", "iou_20"),
                       ("map_compat", "iou_30"), ("map_compat", "avg")}  # fmt: skip
    gain = plain(found["map_compat", "iou_30"]) - plain(without["map_compat", "iou_30"])
    assert 0 < gain <= 1 / 3  # of three classes, Normal's precision


@pytest.mark.parametrize("videos", [TEST_SET, [NORMAL], [FIRE, FIGHT], [UNMARKED, NORMAL]])
def test_undefined_names_what_evaluate_gives(videos: list[ScoredVideo]) -> None:
    shown = list(dict.fromkeys(name for video in videos for name in video.categories))
    found = undefined(shown, "not trained")
    assert set(found) == set(measured(*videos))
    assert set(found.values()) == {Undefined("not trained")}
    assert {name[0] for name in found} >= set(FLAT)


def reasons(*videos: ScoredVideo) -> dict[Name, str]:
    """The reason of each metric that has no value."""
    found = measured(*videos)
    return {name: v.reason for name, v in found.items() if isinstance(v, Undefined)}


def test_undefined_without_videos() -> None:
    frames = "frames with ground truth: none there"
    assert reasons() == {
        ("frame_auc",): frames,
        ("ano_auc",): "frames of abnormal videos with events: none there",
        ("ap",): frames,
        ("ap_trapezoid",): frames,
        ("video_auc",): "test videos: none there",
        ("false_alarm_rate",): "frames of normal test videos: none there",
        ("category_accuracy",): "abnormal test videos: none there",
        ("category_ap",): "abnormal test videos: none there",
        **dict.fromkeys(DETECTION, NO_EVENT),
    }


def test_undefined_where_all_videos_are_normal() -> None:
    frames = "frames with ground truth: all normal"
    assert reasons(NORMAL, NORMAL) == {
        ("frame_auc",): frames,
        ("ano_auc",): "frames of abnormal videos with events: none there",
        ("ap",): frames,
        ("ap_trapezoid",): frames,
        ("video_auc",): "test videos: all normal",
        ("category_accuracy",): "abnormal test videos: none there",
        ("category_ap",): "abnormal test videos: none there",
        **dict.fromkeys(DETECTION, NO_EVENT),
    }


def test_undefined_where_all_videos_are_abnormal() -> None:
    assert reasons(FIRE, FIGHT) == {
        ("video_auc",): "test videos: all abnormal",
        ("false_alarm_rate",): "frames of normal test videos: none there",
    }


def test_undefined_where_no_event_is_known() -> None:
    what = "frames with ground truth (1 abnormal videos have no annotated event)"
    assert reasons(UNMARKED, NORMAL) == {
        ("frame_auc",): f"{what}: all normal",
        ("ano_auc",): "frames of abnormal videos with events: none there",
        ("ap",): f"{what}: all normal",
        ("ap_trapezoid",): f"{what}: all normal",
        ("by_category", "Fire", "auc"): "frames of Fire and of normal videos: all normal",
        ("by_category", "Fire", "auc_within"): "frames of Fire: none there",
        **dict.fromkeys(DETECTION, NO_EVENT),
    }


def test_undefined_for_a_head_without_categories() -> None:
    plain_head = [make_video("f", 8, [0.1, 0.9], (2, 4)), make_video("n", 6, [0.2])]
    assert reasons(*plain_head) == dict.fromkeys(
        [("category_accuracy",), ("category_ap",), *DETECTION], NO_CATEGORIES
    )


def test_every_metric_is_json_with_an_interval() -> None:
    weights = resample_weights(np.array([video.abnormal for video in LARGER]), 50)
    run = evaluate(LARGER, CATEGORIES, SETTINGS, weights)
    found = over_seeds([run, run])
    assert set(found) == {*FLAT, "by_category", *FORMS}
    for entry in (*(found[name] for name in FLAT), *found["map"].values()):
        assert set(entry) == {"mean", "std", "per_seed", "interval"}
        low, high = entry["interval"]
        assert 0 <= low <= high <= 1


@pytest.mark.parametrize("shift", [-0.2, 0.2])
def test_scores_that_are_no_probabilities_are_ranked_alone(shift: float) -> None:
    shifted = [replace(video, scores=video.scores + shift) for video in TEST_SET]
    before, found = measured(*TEST_SET), measured(*shifted)
    for name, value in found.items():
        if name[0] in {"false_alarm_rate", "map", "map_compat"}:
            said = "the scores are no probabilities: not all are within 0 to 1"
            assert value == Undefined(said)
        else:
            assert plain(value) == pytest.approx(plain(before[name]))
