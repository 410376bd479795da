"""Runs of several heads and seeds on the test videos: as metrics, as curves."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.config import Caption, Clip, Evaluate, Prompted, TextFeatures
from pipeline.datasets.listing import SPLITS
from pipeline.features import VideoFeatures
from pipeline.metrics import curves, floors
from pipeline.metrics.bootstrap import resample_weights
from pipeline.metrics.evaluate import evaluate, undefined
from pipeline.metrics.scored import Floats, ScoredVideo, count_frames, scored_videos
from pipeline.metrics.summary import over_seeds
from pipeline.score_table import Rows, Run

CURVE_POINTS = 200


def metrics_of(
    runs: Sequence[Run],
    rows: Rows,
    categories: Sequence[str],
    settings: Evaluate,
    without: Mapping[str, str] | None = None,
    *,
    normal_spans: bool = False,
) -> dict[str, Any]:
    """Nested `{model: {checkpoint: {metric: {mean, std, per_seed, interval}}}}`.

    `rows` are the manifest rows of the N test videos. `without` gives by model why it has no
    scores: each of its metrics is null with that reason. `normal_spans` as in
    `metrics.evaluate.evaluate`.
    """
    weights = _weights(rows, settings)
    shown = list(dict.fromkeys(name for row in rows for name in row["categories"]))
    results: dict[str, Any] = {
        model: {"last": over_seeds([undefined(shown, reason)])}
        for model, reason in (without or {}).items()
    }
    for model, checkpoint in dict.fromkeys((run.model, run.checkpoint) for run in runs):
        per_seed = [
            evaluate(_videos(run, rows), categories, settings, weights, normal_spans=normal_spans)
            for run in runs
            if (run.model, run.checkpoint) == (model, checkpoint)
        ]
        results.setdefault(model, {})[checkpoint] = over_seeds(per_seed)
    return results


def _weights(rows: Rows, settings: Evaluate) -> Floats:
    return resample_weights(
        np.array([bool(row["categories"]) for row in rows], dtype=bool), settings.resamples
    )


def _videos(run: Run, rows: Rows) -> list[ScoredVideo]:
    return scored_videos(rows, run.scores, run.category_prob)


def floors_of(cues: Mapping[str, Floats], rows: Rows, settings: Evaluate) -> dict[str, Any]:
    """`{floor: {metric: {mean, interval, ...}}}` of untrained snippet scores (N, T) by name."""
    weights = _weights(rows, settings)
    return {
        name: over_seeds([floors.better_direction(scored_videos(rows, scores), settings, weights)])
        for name, scores in cues.items()
    }


def curves_of(runs: Sequence[Run], rows: Rows, settings: Evaluate) -> dict[str, pd.DataFrame]:
    """Frame ROC and precision-recall curves of the `last` checkpoints, thinned for plotting."""
    points: dict[str, list[tuple[str, int, float, float]]] = {"roc": [], "pr": []}
    draw = {"roc": curves.roc_points, "pr": curves.pr_points}
    for run in runs:
        if run.checkpoint == "last":
            for name, function in draw.items():
                found = function(_videos(run, rows), settings.gt_length, CURVE_POINTS)
                points[name] += [(run.model, run.seed, *point) for point in found]
    axes = {"roc": ["fpr", "tpr"], "pr": ["recall", "precision"]}
    return {
        name: pd.DataFrame(points[name], columns=["model", "seed", *axes[name]]) for name in axes
    }


def data_summary(
    manifest: Mapping[str, Any], videos: VideoFeatures, settings: Evaluate
) -> dict[str, Any]:
    """What the numbers rest on: counts of videos and frames, and of what does not fit.

    `manifest` is the manifest's summary (`datasets.manifest.summary`), `videos` are all that were
    used.
    """
    used = Counter(row["split"] for row in videos.rows)
    faults = ("missing", "unlisted", "duplicated", "mislabelled", "in_both_splits")
    return {
        **{f"n_{split}": used[split] for split in SPLITS},
        **truth_summary(videos.split("test").rows, videos.layout.categories, settings),
        "left_out": manifest["n_videos"] - used.total(),
        **{fault: len(manifest[fault]) for fault in faults},
        "events_clipped": manifest["n_events_clipped"],
        "events_dropped": manifest["n_events_dropped"],
    }


def truth_summary(test: Rows, categories: Sequence[str], settings: Evaluate) -> dict[str, Any]:
    """The ground truth of test videos: frames, how they are cut, the classes of both mAPs.

    Where abnormal videos have no annotated event, their number stands instead of that of the
    abnormal frames.
    """
    unscored = scored_videos(test, np.zeros((len(test), 1)))
    unknown = sum(not video.has_frame_truth for video in unscored)
    frames = count_frames(unscored, settings.gt_length)
    abnormal = {"abnormal_test_frames": int(frames.positive.sum())}
    return {
        "test_frames": int((frames.positive + frames.negative).sum()),
        **({"without_events": unknown} if unknown else abnormal),
        "gt_length": settings.gt_length,
        "map_classes": {
            "map": len({event["category"] for row in test for event in row["events"]}),
            "map_compat": 1 + len(categories),
        },
    }


def encoder_note(clip: Clip, caption: Caption, text: TextFeatures, brings: Sequence[str]) -> str:
    """What made the features, and what that means for the numbers.

    `brings` are the modalities whose features came with the dataset.
    """
    if brings:
        return f"Features: the dataset's own ({', '.join(brings)}), as they were brought."
    random = clip.pretrained == "random"
    note = f"Features: CLIP {clip.model}"
    note += " with random weights" if random else f" ({clip.pretrained})"
    note += f", captions by {_captioner(caption)}"
    note += "." if text.encoder == "clip" else f", their text features by {text.model}."
    if random:
        note += " Random weights need no download and know nothing of the world."
    if caption.backend == "rules":
        note += " Rules measure motion, light and colour; they see no objects and no actions."
    if random or caption.backend == "rules":
        note += " The numbers show that the pipeline works, and compare with no published result."
    return note


def _captioner(caption: Caption) -> str:
    if isinstance(caption, Prompted):
        return f"{caption.model} (backend {caption.backend})"
    return f"{caption.made_by} (from a file)" if caption.backend == "file" else caption.backend
