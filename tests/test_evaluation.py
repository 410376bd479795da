"""Runs of several heads and seeds as metrics and curves, and what the numbers rest on: by hand."""

from typing import Any

import numpy as np
import pytest
import torch

from pipeline.config import (
    Clip,
    ClipText,
    EndpointCaption,
    Evaluate,
    FileCaption,
    RulesCaption,
    TransformersText,
)
from pipeline.evaluation import (
    CURVE_POINTS,
    curves_of,
    data_summary,
    encoder_note,
    floors_of,
    metrics_of,
)
from pipeline.features import VideoFeatures
from pipeline.metrics.bootstrap import resample_weights
from pipeline.metrics.evaluate import evaluate
from pipeline.metrics.scored import Undefined, scored_videos
from pipeline.models.head import FeatureLayout
from pipeline.score_table import Run
from tests.test_score_table import CATEGORIES, GOOD, POOR, ROWS

CATEGORY_PROB = np.array([[0.25, 0.5], [0.75, 0.125]], dtype=np.float32)
RUNS = [
    Run("refinevad", 0, "last", GOOD, CATEGORY_PROB),
    Run("refinevad", 0, "best_on_test", GOOD, CATEGORY_PROB),
    Run("base", 0, "last", POOR, None),
    Run("refinevad", 1, "last", POOR, CATEGORY_PROB),
]
BY_CLIP = ClipText(encoder="clip")
SETTINGS = Evaluate(false_alarm_threshold=0.15, gt_length="frames", resamples=0)


def test_metrics_are_nested_by_model_and_checkpoint_over_seeds() -> None:
    found = metrics_of(RUNS, ROWS, CATEGORIES, SETTINGS)
    assert {model: list(entry) for model, entry in found.items()} == {
        "refinevad": ["last", "best_on_test"],
        "base": ["last"],
    }
    # The event's two frames score 0.9 (good) or 0.15 (poor). Of the other 11 frames, 0.15 beats
    # those at 0.1: two of "n" (snippets [0, 1) and [1, 2)) and two of "a".
    poor = 4 / 11
    auc = found["refinevad"]["last"]["frame_auc"]
    assert auc["per_seed"] == pytest.approx([1.0, poor])
    assert auc["mean"] == pytest.approx((1 + poor) / 2)
    assert auc["std"] == pytest.approx((1 - poor) / 2**0.5)
    best = found["refinevad"]["best_on_test"]["frame_auc"]
    assert best == {"mean": 1.0, "std": 0.0, "per_seed": [1.0]}
    assert found["base"]["last"]["frame_auc"]["per_seed"] == pytest.approx([poor])
    assert found["base"]["last"]["false_alarm_rate"]["mean"] == pytest.approx(3 / 5)
    assert found["refinevad"]["last"]["category_accuracy"]["mean"] == 0.0
    fire = found["base"]["last"]["by_category"]["Fire"]
    assert fire["auc_within"]["mean"] == pytest.approx(2 / 6)


def test_intervals_are_over_the_same_resamples_of_videos_for_every_run() -> None:
    more = [{**row, "video_id": f"{row['video_id']}{i}"} for i in range(3) for row in ROWS]
    scores = np.random.default_rng(0).random((6, 4))
    runs = [Run("base", seed, "last", scores + seed * scores**2, None) for seed in (0, 1)]
    settings = SETTINGS.model_copy(update={"resamples": 30})
    found = metrics_of(runs, more, CATEGORIES, settings)["base"]["last"]["frame_auc"]
    weights = resample_weights(np.array([False, True] * 3), 30)
    values = []
    for run in runs:
        own = evaluate(scored_videos(more, run.scores), CATEGORIES, settings, weights)["frame_auc",]
        assert not isinstance(own, Undefined)
        values.append(own)
    mean = (values[0] + values[1]) / 2
    assert found["mean"] == pytest.approx(mean[0])
    assert found["interval"] == pytest.approx(np.quantile(mean[1:], [0.025, 0.975]).tolist())


def test_undefined_metrics_carry_their_reason() -> None:
    found = metrics_of([Run("base", 0, "last", GOOD[:1], None)], ROWS[:1], CATEGORIES, SETTINGS)
    assert found["base"]["last"]["video_auc"] == {"mean": None, "reason": "test videos: all normal"}


def leaves(entry: dict[str, Any], *above: str) -> dict[tuple[str, ...], dict[str, Any]]:
    if "mean" in entry:
        return {above: entry}
    return {name: v for key, part in entry.items() for name, v in leaves(part, *above, key).items()}


def test_a_model_without_scores_has_every_metric_with_its_reason() -> None:
    without = {"refinevad": "not trained: 3 normal videos"}
    found = metrics_of(RUNS[2:3], ROWS, CATEGORIES, SETTINGS, without)
    assert {model: list(entry) for model, entry in found.items()} == {
        "refinevad": ["last"],
        "base": ["last"],
    }
    untrained, trained = leaves(found["refinevad"]["last"]), leaves(found["base"]["last"])
    assert untrained.keys() == trained.keys()
    assert ("by_category", "Fire", "auc") in untrained
    for entry in untrained.values():
        assert entry == {"mean": None, "reason": "not trained: 3 normal videos"}


def test_no_test_video_gives_every_metric_its_reason() -> None:
    found = metrics_of([], [], CATEGORIES, SETTINGS, {"base": "no video"})
    assert "by_category" not in found["base"]["last"]
    assert {entry["reason"] for entry in leaves(found["base"]["last"]).values()} == {"no video"}
    assert metrics_of([], [], CATEGORIES, SETTINGS) == {}


def test_normal_spans_reach_detection() -> None:
    scores = np.array([[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    run = Run("m", 0, "last", scores, np.array([[0.5, 0.5], [0.5, 0.5]]))
    by_spans = [
        metrics_of([run], ROWS, CATEGORIES, SETTINGS, normal_spans=spans)["m"]["last"]
        for spans in (False, True)
    ]
    # Of three classes Fire is found, and Normal where it is annotated: frames [2, 5) of "n", 3 / 5.
    assert [each["map"]["iou_50"]["mean"] for each in by_spans] == [1.0, 1.0]
    found = [each["map_compat"]["iou_50"]["mean"] for each in by_spans]
    assert found == pytest.approx([1 / 3, 2 / 3])


def test_scores_that_are_not_finite_are_an_error_that_names_the_video() -> None:
    bad = GOOD.copy()
    bad[1, 2] = np.inf
    with pytest.raises(ValueError, match=r"^a: a score"):
        metrics_of([Run("base", 0, "last", bad, None)], ROWS, CATEGORIES, SETTINGS)


def test_curves_are_of_the_last_checkpoints() -> None:
    found = curves_of(RUNS, ROWS, SETTINGS)
    assert list(found) == ["roc", "pr"]
    roc, pr = found["roc"], found["pr"]
    assert list(roc.columns) == ["model", "seed", "fpr", "tpr"]
    assert list(pr.columns) == ["model", "seed", "recall", "precision"]
    for frame in (roc, pr):
        keys = set(zip(frame["model"], frame["seed"], strict=True))
        assert keys == {("refinevad", 0), ("base", 0), ("refinevad", 1)}
    good = roc[(roc["model"] == "refinevad") & (roc["seed"] == 0)]
    points = list(zip(good["fpr"], good["tpr"], strict=True))
    assert points[0] == (0, 0)
    assert (0, 1) in points  # the event's frames come first
    assert points[-1] == (1, 1)
    assert len(set(points)) == len(points) <= CURVE_POINTS
    base = pr[pr["model"] == "base"]
    assert base["precision"].iloc[-1] == pytest.approx(2 / 13)


def test_curves_are_thinned_and_of_the_settings_length() -> None:
    rng = np.random.default_rng(0)
    rows = [{**row, "n_frames": 1000} for row in ROWS]
    run = Run("base", 0, "last", rng.random((2, 500)), None)
    for frame in curves_of([run], rows, SETTINGS).values():
        assert len(frame) <= CURVE_POINTS
    settings = SETTINGS.model_copy(update={"gt_length": "floor16"})
    assert all(frame.empty for frame in curves_of(RUNS, ROWS, settings).values())


def test_no_runs_give_curves_without_points() -> None:
    found = curves_of([], ROWS, SETTINGS)
    assert {name: list(frame.columns) for name, frame in found.items()} == {
        "roc": ["model", "seed", "fpr", "tpr"],
        "pr": ["model", "seed", "recall", "precision"],
    }
    assert all(frame.empty for frame in found.values())


def test_floors_take_their_better_direction_and_have_the_shape_of_other_metrics() -> None:
    up, settings = GOOD.astype(np.float64), SETTINGS.model_copy(update={"resamples": 20})
    found = floors_of({"up": up, "down": -up}, ROWS, settings)
    assert found["up"] == found["down"]
    # one video of either kind: no resamples, since none would differ from the test set
    perfect = {"mean": 1.0, "std": 0.0, "per_seed": [1.0]}
    assert found["up"]["frame_auc"] == perfect
    assert found["up"]["by_category"]["Fire"]["auc"] == perfect
    assert set(found["up"]) == {
        "frame_auc", "ano_auc", "ap", "ap_trapezoid", "by_category", "video_auc",
    }  # fmt: skip
    doubled = [{**row, "video_id": f"{row['video_id']}{n}"} for n in (1, 2) for row in ROWS]
    twice = floors_of({"up": np.concatenate([up, up])}, doubled, settings)
    assert twice["up"]["frame_auc"] == {**perfect, "interval": [1.0, 1.0]}
    (undefined,) = floors_of({"up": up[:1]}, ROWS[:1], SETTINGS).values()
    assert undefined["frame_auc"] == {
        "mean": None,
        "reason": "frames with ground truth: all normal",
    }
    assert floors_of({}, ROWS, SETTINGS) == {}


MANIFEST = {
    "n_videos": 20,
    "missing": ["x.mp4", "y.mp4"],
    "unlisted": ["z.mp4"],
    "duplicated": [],
    "mislabelled": {"v": "list and folder contradict", "w": "no code", "u": "two codes"},
    "in_both_splits": ["n"],
    "n_events_clipped": 4,
    "n_events_dropped": 6,
}


def features_of(*splits: str, rows: list[dict[str, Any]]) -> VideoFeatures:
    """Videos of `splits` without frames of interest, then `rows` as the test split."""
    other = [{**ROWS[0], "video_id": f"o{i}", "split": split} for i, split in enumerate(splits)]
    joined = [*other, *({**row, "split": "test"} for row in rows)]
    layout = FeatureLayout({"image": 3}, CATEGORIES, 4)
    return VideoFeatures(
        torch.zeros(len(joined), 4, 3), torch.zeros(len(joined), 2), joined, layout
    )


def test_data_summary_by_hand() -> None:
    two = [{"start": 0, "end": 4, "category": "Fire"}, {"start": 2, "end": 5, "category": "Fire"}]
    videos = features_of(*["train"] * 6, "validation", rows=[*ROWS, {**ROWS[1], "events": two}])
    assert data_summary(MANIFEST, videos, SETTINGS) == {
        "n_train": 6,
        "n_validation": 1,
        "n_test": 3,
        "test_frames": 5 + 8 + 8,
        "abnormal_test_frames": 2 + 5,
        "gt_length": "frames",
        "left_out": 20 - 10,
        "missing": 2,
        "unlisted": 1,
        "duplicated": 0,
        "mislabelled": 3,
        "in_both_splits": 1,
        "map_classes": {"map": 1, "map_compat": 3},
        "events_clipped": 4,
        "events_dropped": 6,
    }


def test_data_summary_counts_frames_at_the_settings_length() -> None:
    long = {**ROWS[1], "n_frames": 40, "events": [{"start": 30, "end": 40, "category": "Fire"}]}
    settings = SETTINGS.model_copy(update={"gt_length": "floor16"})
    found = data_summary(MANIFEST, features_of(rows=[long]), settings)
    assert (found["test_frames"], found["abnormal_test_frames"]) == (32, 2)
    assert found["gt_length"] == "floor16"


def test_data_summary_counts_no_abnormal_frames_where_events_are_unknown() -> None:
    unmarked = {**ROWS[1], "events": []}
    found = data_summary(MANIFEST, features_of(rows=[*ROWS, unmarked]), SETTINGS)
    assert found["without_events"] == 1
    assert found["test_frames"] == 13  # the others'
    assert "abnormal_test_frames" not in found


def test_data_summary_without_test_videos() -> None:
    found = data_summary(MANIFEST, features_of("train", rows=[]), SETTINGS)
    assert (found["n_train"], found["n_test"]) == (1, 0)
    assert (found["test_frames"], found["abnormal_test_frames"]) == (0, 0)


def test_note_names_encoders_and_warns_of_those_that_know_nothing() -> None:
    rules = RulesCaption(backend="rules")
    random = encoder_note(Clip(model="tiny", pretrained="random"), rules, BY_CLIP, ())
    assert random.startswith("Features: CLIP tiny with random weights, captions by rules.")
    real = encoder_note(Clip(model="ViT-L-14-quickgelu", pretrained="openai"), rules, BY_CLIP, ())
    assert real.startswith("Features: CLIP ViT-L-14-quickgelu (openai), captions by rules.")
    assert "know nothing of the world" in random
    assert "know nothing of the world" not in real  # trained weights do
    for note in (random, real):
        assert "they see no objects and no actions" in note
        assert "compare with no published result" in note


def test_note_names_what_wrote_the_captions_and_read_them() -> None:
    clip = Clip(model="ViT-L-14-quickgelu", pretrained="openai")
    served = EndpointCaption(backend="endpoint", model="qwen", revision="fp8")
    found = encoder_note(clip, served, TransformersText(encoder="transformers", model="bert"), ())
    assert found.endswith("captions by qwen (backend endpoint), their text features by bert.")
    given = FileCaption(backend="file", path="c.jsonl", made_by="our annotators")
    assert "captions by our annotators (from a file)." in encoder_note(clip, given, BY_CLIP, ())


def test_note_says_that_the_features_were_brought() -> None:
    clip = Clip(model="tiny", pretrained="random")
    found = encoder_note(clip, RulesCaption(backend="rules"), BY_CLIP, ("image", "text"))
    assert found == "Features: the dataset's own (image, text), as they were brought."
