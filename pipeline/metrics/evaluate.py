"""All metrics of one set of scores, with their bootstrap resamples."""

from collections.abc import Sequence

import numpy as np

from pipeline.config import Evaluate
from pipeline.metrics import category, detection
from pipeline.metrics.frame import frame_metrics
from pipeline.metrics.scored import Floats, ScoredVideo, Undefined
from pipeline.metrics.values import Name, Values
from pipeline.metrics.video import false_alarm_rate, video_auc

NO_CATEGORIES = Undefined("this head gives no category probabilities")
NO_PROBABILITY = Undefined("the scores are no probabilities: not all are within 0 to 1")
OF_PROBABILITIES = ("false_alarm_rate", "map", "map_compat")
FLAT = (
    "frame_auc",
    "ano_auc",
    "ap",
    "ap_trapezoid",
    "video_auc",
    "false_alarm_rate",
    "category_accuracy",
    "category_ap",
)
FORMS = {"map": False, "map_compat": True}
THRESHOLDS = (*(f"iou_{round(100 * iou)}" for iou in detection.IOUS), "avg")


def evaluate(
    videos: Sequence[ScoredVideo],
    categories: Sequence[str],
    settings: Evaluate,
    weights: Floats,
    *,
    normal_spans: bool = False,
) -> dict[Name, Values]:
    """Every metric by its place in metrics.json, for each row of `weights` (1 + R, V).

    `categories` in the order of the videos' `category_prob`. See `pipeline.metrics.frame` for the
    frame metrics; `video_auc` of bag scores; `false_alarm_rate` at the settings' threshold;
    `category_accuracy` and `category_ap` of the video classifier; `map` and `map_compat`, mAP at
    each IoU in the corrected form and as the field computes it. `normal_spans`: whether a normal
    video counts in `map_compat` as one event of the class Normal, as the field has it for
    XD-Violence but not for UCF-Crime. Scores outside [0, 1] can be ranked alone: what takes them as
    probabilities is undefined. `gt_length` is of frame metrics and false alarms, not of mAP.
    """
    found = {
        **frame_metrics(videos, weights, settings.gt_length),
        ("video_auc",): video_auc(videos, weights),
        ("false_alarm_rate",): false_alarm_rate(
            videos, weights, settings.false_alarm_threshold, settings.gt_length
        ),
        **category_metrics(videos, categories, weights),
        **detection_metrics(videos, categories, weights, normal_spans=normal_spans),
    }
    if any(((video.scores < 0) | (video.scores > 1)).any() for video in videos):
        found |= {name: NO_PROBABILITY for name in found if name[0] in OF_PROBABILITIES}
    return found


def undefined(categories: Sequence[str], reason: str) -> dict[Name, Values]:
    """Every metric that `evaluate` gives for these categories, without value for that reason."""
    names: list[Name] = [(name,) for name in FLAT]
    names += [("by_category", name, key) for name in categories for key in ("auc", "auc_within")]
    names += [(form, threshold) for form in FORMS for threshold in THRESHOLDS]
    return {name: Undefined(reason) for name in names}


def category_metrics(
    videos: Sequence[ScoredVideo], categories: Sequence[str], weights: Floats
) -> dict[Name, Values]:
    """How well abnormal videos are classified, for each row of `weights` (1 + R, V)."""
    names = {"category_accuracy": category.accuracy, "category_ap": category.mean_ap}
    if any(video.category_prob is None for video in videos):
        return {(name,): NO_CATEGORIES for name in names}
    if not any(video.abnormal for video in videos):
        return {(name,): Undefined("abnormal test videos: none there") for name in names}
    return {(name,): metric(videos, categories, weights) for name, metric in names.items()}


def detection_metrics(
    videos: Sequence[ScoredVideo],
    categories: Sequence[str],
    weights: Floats,
    *,
    normal_spans: bool = False,
) -> dict[Name, Values]:
    """mAP at each IoU and on average, corrected (`map`) and as the field has it (`map_compat`)."""
    names = [(form, threshold) for form in FORMS for threshold in THRESHOLDS]
    known = [i for i, video in enumerate(videos) if video.has_frame_truth]
    if any(video.category_prob is None for video in videos):
        return dict.fromkeys(names, NO_CATEGORIES)
    if not any(videos[i].events for i in known):
        return dict.fromkeys(names, Undefined("no test video has an annotated event"))
    classified = [_classified(videos[i], categories, normal_spans) for i in known]
    found: dict[Name, Values] = {}
    for form, compat in FORMS.items():
        values = detection.mean_ap(classified, weights[:, known], compat=compat)  # (1 + R, 6)
        found |= {(form, name): values[:, i] for i, name in enumerate(THRESHOLDS)}
    return found


def _classified(
    video: ScoredVideo, categories: Sequence[str], normal_spans: bool
) -> detection.ClassifiedVideo:
    """Class curves: Normal is 1 - score, a category its probability times the score.

    Ours: a head that classifies whole videos has no class probability by snippet of its own.
    """
    probability = video.category_prob if video.category_prob is not None else np.zeros(0)
    curves = np.column_stack([1 - video.scores, np.outer(video.scores, probability)])
    index = {name: c for c, name in enumerate(categories)}
    events = tuple((start, end, index[name]) for start, end, name in video.events)
    if normal_spans and not video.abnormal:
        events = ((0, video.n_frames, detection.NORMAL),)
    return detection.ClassifiedVideo(video.video_id, video.n_frames, curves, events)
