"""Frame and video metrics: tables by hand, and scikit-learn on arrays built frame by frame."""

import numpy as np
import pytest
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score

from pipeline.metrics.frame import (
    Metric,
    ScoredVideo,
    Undefined,
    bag_score,
    evaluate,
    frame_labels,
    frame_scores,
    pr_points,
    roc_points,
    scored_videos,
)

METRICS = ["frame_auc", "ano_auc", "ap", "ap_trapezoid", "video_auc", "false_alarm_rate"]


def video(
    name: str, n_frames: int, scores: list[float], abnormal: bool, *events: tuple[int, int]
) -> ScoredVideo:
    return ScoredVideo(name, n_frames, np.array(scores), abnormal, events)


# Frames 0 and 1 of the abnormal video score 0.9, 2 and 3 score 0.2; its event is [1, 3).
ABNORMAL = video("a", 4, [0.9, 0.2], True, (1, 3))
NORMAL = video("n", 4, [0.1, 0.6], False)


def reason(metric: Metric) -> str:
    assert isinstance(metric, Undefined), metric
    return metric.reason


def test_two_videos_by_hand() -> None:
    found = evaluate([ABNORMAL, NORMAL], 0.5)
    # positives 0.9, 0.2; negatives 0.9, 0.2, 0.1, 0.1, 0.6, 0.6: (0.5 + 5) + (2 + 0.5) of 12
    assert found["frame_auc"] == pytest.approx(8 / 12)
    # within the abnormal video: 0.9 ties 0.9 and beats 0.2; 0.2 loses, and ties
    assert found["ano_auc"] == pytest.approx((0.5 + 1 + 0 + 0.5) / 4)
    # recall 1/2 at precision 1/2 (above 0.9), recall 1 at 2/6 (above 0.2)
    assert found["ap"] == pytest.approx(0.5 * 0.5 + 0.5 * 2 / 6)
    # points (0, 1), (1/2, 1/2), (1/2, 1/4) at 0.6, (1, 2/6)
    trapezoid = 0.5 * (1 + 0.5) / 2 + 0.5 * (0.25 + 2 / 6) / 2
    assert found["ap_trapezoid"] == pytest.approx(trapezoid)
    assert found["video_auc"] == 1.0
    assert found["false_alarm_rate"] == 0.5
    assert list(found) == METRICS


def test_scores_hold_for_exactly_their_frames() -> None:
    assert frame_scores(video("v", 7, [1, 2, 3], False)).tolist() == [1, 1, 2, 2, 3, 3, 3]
    assert frame_scores(video("v", 3, [1, 2, 3, 4, 5], False)).tolist() == [2, 4, 5]


def test_labels_of_events_are_half_open_and_may_touch_or_overlap() -> None:
    found = frame_labels(video("v", 8, [0.0], True, (0, 2), (1, 3), (6, 8)))
    assert found.tolist() == [True, True, True, False, False, False, True, True]


def test_bag_score_is_the_mean_of_the_top_k() -> None:
    assert bag_score(video("v", 9, [0.1, 0.9, 0.3], False)) == 0.9  # k = 1
    scores = [0.0] * 29 + [0.3, 0.9, 0.6]
    assert bag_score(video("v", 64, scores, False)) == pytest.approx(0.6)  # k = 3 of 32


def plain_frames(videos: list[ScoredVideo]) -> tuple[list[bool], list[float]]:
    """Labels and scores frame by frame; the snippet of a frame is found by search."""
    labels, scores = [], []
    for each in videos:
        n, t = each.n_frames, len(each.scores)
        for frame in range(n):
            labels.append(any(start <= frame < end for start, end in each.events))
            (snippet,) = [i for i in range(t) if i * n // t <= frame < (i + 1) * n // t]
            scores.append(float(each.scores[snippet]))
    return labels, scores


def random_videos(seed: int) -> list[ScoredVideo]:
    rng = np.random.default_rng(seed)
    videos = []
    for number in range(10):
        n_frames, abnormal = int(rng.integers(3, 60)), number % 2 == 1
        start = int(rng.integers(0, n_frames - 1))
        events = ((start, int(rng.integers(start + 1, n_frames + 1))),) if abnormal else ()
        scores = rng.random(int(rng.integers(1, 40))).round(1)  # ties
        videos.append(ScoredVideo(str(number), n_frames, scores, abnormal, events))
    return videos


@pytest.mark.parametrize("seed", range(20))
def test_against_scikit_learn(seed: int) -> None:
    videos = random_videos(seed)
    found = evaluate(videos, 0.45)
    labels, scores = plain_frames(videos)
    assert found["frame_auc"] == pytest.approx(roc_auc_score(labels, scores))
    assert found["ap"] == pytest.approx(average_precision_score(labels, scores))
    precision, recall, _ = precision_recall_curve(labels, scores)
    assert found["ap_trapezoid"] == pytest.approx(auc(recall, precision))
    ano_labels, ano_scores = plain_frames([each for each in videos if each.abnormal])
    assert found["ano_auc"] == pytest.approx(roc_auc_score(ano_labels, ano_scores))
    bags = []
    for each in videos:
        k = len(each.scores) // 16 + 1
        bags.append(sum(sorted(each.scores.tolist(), reverse=True)[:k]) / k)
    flags = [each.abnormal for each in videos]
    assert found["video_auc"] == pytest.approx(roc_auc_score(flags, bags))
    _, normal_scores = plain_frames([each for each in videos if not each.abnormal])
    alarms = sum(score > 0.45 for score in normal_scores)
    assert found["false_alarm_rate"] == pytest.approx(alarms / len(normal_scores))


def test_ano_auc_does_not_see_normal_videos() -> None:
    other = video("n", 9, [0.95, 0.99], False)
    alone, both = evaluate([ABNORMAL], 0.5), evaluate([ABNORMAL, other], 0.5)
    assert alone["ano_auc"] == both["ano_auc"]
    assert alone["frame_auc"] != both["frame_auc"]


def test_abnormal_video_without_events_counts_for_video_auc_alone() -> None:
    unmarked = video("u", 50, [0.05, 0.05], True)
    without, found = evaluate([ABNORMAL, NORMAL], 0.5), evaluate([ABNORMAL, NORMAL, unmarked], 0.5)
    assert {name for name in METRICS if found[name] != without[name]} == {"video_auc"}
    assert found["video_auc"] == 0.5  # 0.9 beats 0.6, 0.05 does not
    assert roc_points([ABNORMAL, NORMAL, unmarked], 99) == roc_points([ABNORMAL, NORMAL], 99)
    assert pr_points([ABNORMAL, NORMAL, unmarked], 99) == pr_points([ABNORMAL, NORMAL], 99)


def test_false_alarms_are_strictly_above_the_threshold() -> None:
    videos = [ABNORMAL, video("n", 4, [0.5, 0.5, 0.5, 0.7], False), video("m", 4, [0.1], False)]
    assert evaluate(videos, 0.5)["false_alarm_rate"] == pytest.approx(1 / 8)
    assert evaluate(videos, 0.49)["false_alarm_rate"] == pytest.approx(4 / 8)


def test_fewer_frames_than_snippets() -> None:
    short = video("s", 2, [0.9, 0.1, 0.9, 0.8], True, (1, 2))  # frames score 0.1 and 0.8
    found = evaluate([short, video("n", 2, [0.2], False)], 0.5)
    assert found["ano_auc"] == 1.0
    assert found["frame_auc"] == 1.0


def test_undefined_without_normal_videos() -> None:
    whole = video("w", 4, [0.3, 0.4], True, (0, 4))
    found = evaluate([whole], 0.5)
    assert reason(found["frame_auc"]) == "frames with ground truth: all abnormal"
    assert reason(found["ano_auc"]) == "frames of abnormal videos with events: all abnormal"
    assert reason(found["video_auc"]) == "test videos: all abnormal"
    assert reason(found["false_alarm_rate"]) == "normal test videos: none there"
    assert found["ap"] == found["ap_trapezoid"] == 1.0


def test_undefined_without_abnormal_videos() -> None:
    found = evaluate([NORMAL], 0.5)
    for name in ("frame_auc", "ap", "ap_trapezoid"):
        assert reason(found[name]) == "frames with ground truth: all normal"
    assert reason(found["ano_auc"]) == "frames of abnormal videos with events: none there"
    assert reason(found["video_auc"]) == "test videos: all normal"
    assert found["false_alarm_rate"] == 0.5
    assert roc_points([NORMAL], 10) == pr_points([NORMAL], 10) == []


def test_undefined_without_videos() -> None:
    found = evaluate([], 0.5)
    assert list(found) == METRICS
    assert all(reason(metric).endswith("none there") for metric in found.values())


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf")])
def test_scores_that_are_not_finite_are_an_error(score: float) -> None:
    bad = video("bad one", 4, [0.1, score], False)
    with pytest.raises(ValueError, match="bad one"):
        evaluate([ABNORMAL, bad], 0.5)


def test_roc_points_by_hand() -> None:
    # thresholds 0.9, 0.6, 0.2, 0.1 over 2 positives, 6 negatives
    expected = [(0, 0), (1 / 6, 1 / 2), (3 / 6, 1 / 2), (4 / 6, 1), (1, 1)]
    found = roc_points([ABNORMAL, NORMAL], 99)
    assert np.array(found) == pytest.approx(np.array(expected))


def test_pr_points_by_hand() -> None:
    expected = [(0, 1), (0.5, 0.5), (0.5, 0.25), (1, 2 / 6), (1, 2 / 8)]
    found = pr_points([ABNORMAL, NORMAL], 99)
    assert np.array(found) == pytest.approx(np.array(expected))


@pytest.mark.parametrize("count", [2, 3, 10, 50, 1000])
def test_thinned_curves_keep_their_ends_and_their_points(count: int) -> None:
    rng = np.random.default_rng(0)
    videos = [
        ScoredVideo(str(i), 64, rng.random(64), i < 4, ((10, 40),) if i < 4 else ())
        for i in range(8)
    ]
    for curve in (roc_points, pr_points):
        whole, thin = curve(videos, 10**6), curve(videos, count)
        assert len(thin) <= count
        assert len(thin) == min(count, len(whole))
        assert thin[0] == whole[0]
        assert thin[-1] == whole[-1]
        assert set(thin) <= set(whole)
        assert [x for x, _ in thin] == sorted(x for x, _ in thin)


def test_scored_videos_come_from_manifest_rows() -> None:
    rows = [
        {"video_id": "n", "n_frames": 9, "categories": [], "events": []},
        {
            "video_id": "a",
            "n_frames": 8,
            "categories": ["Fire"],
            "events": [{"start": 2, "end": 5, "category": "Fire"}],
        },
        {"video_id": "u", "n_frames": 7, "categories": ["Fire"], "events": []},
    ]
    found = scored_videos(rows, np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], dtype=np.float32))
    assert [(v.video_id, v.n_frames, v.abnormal, v.events) for v in found] == [
        ("n", 9, False, ()),
        ("a", 8, True, ((2, 5),)),
        ("u", 7, True, ()),
    ]
    assert found[1].scores.dtype == np.float64
    assert found[1].scores.tolist() == pytest.approx([0.3, 0.4])
    with pytest.raises(ValueError, match="zip"):
        scored_videos(rows, np.zeros((2, 2)))


def test_the_reason_says_how_many_videos_have_no_event() -> None:
    unknown = ScoredVideo("u", 4, np.array([0.1, 0.9]), abnormal=True)
    found = evaluate([NORMAL, unknown], 0.5)
    assert reason(found["frame_auc"]) == (
        "frames with ground truth (1 abnormal videos have no annotated event): all normal"
    )
    assert isinstance(found["video_auc"], float)
