"""Scores of several heads and seeds as metrics, tables and curves, by hand."""

from typing import Any

import numpy as np
import pytest

from pipeline import tables
from pipeline.config import Clip, RulesCaption
from pipeline.evaluation import (
    CURVE_POINTS,
    Run,
    curves_of,
    data_summary,
    encoder_note,
    floors_of,
    metrics_of,
    scores_table,
)

ROWS: list[dict[str, Any]] = [
    {"video_id": "n", "n_frames": 5, "categories": [], "events": []},
    {
        "video_id": "a",
        "n_frames": 8,
        "categories": ["Fire"],
        "events": [{"start": 4, "end": 6, "category": "Fire"}],
    },
]
GOOD = np.array([[0.1, 0.1, 0.2, 0.2], [0.1, 0.3, 0.9, 0.4]], dtype=np.float32)
POOR = np.array([[0.1, 0.1, 0.2, 0.2], [0.1, 0.3, 0.15, 0.4]], dtype=np.float32)
CATEGORY_PROB = np.array([[0.25, 0.5], [0.75, 0.125]], dtype=np.float32)


def runs() -> list[Run]:
    return [
        Run("refinevad", 0, "last", GOOD, CATEGORY_PROB),
        Run("refinevad", 0, "best_on_test", GOOD, CATEGORY_PROB),
        Run("base", 0, "last", POOR, None),
        Run("refinevad", 1, "last", POOR, CATEGORY_PROB),
    ]


def test_metrics_are_nested_by_model_and_checkpoint_over_seeds() -> None:
    found = metrics_of(runs(), ROWS, 0.15)
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


def test_undefined_metrics_carry_their_reason() -> None:
    found = metrics_of([Run("base", 0, "last", GOOD[:1], None)], ROWS[:1], 0.5)
    assert found["base"]["last"]["video_auc"] == {"mean": None, "reason": "test videos: all normal"}


def test_scores_table_by_hand() -> None:
    table = scores_table(runs()[1:3], ROWS)
    tables.check(table, tables.SCORES, "scores")
    assert table.schema == tables.SCORES
    rows = table.to_pylist()
    assert len(rows) == 2 * 2 * 4
    assert {(row["model"], row["checkpoint"]) for row in rows[:8]} == {
        ("refinevad", "best_on_test")
    }
    assert {(row["model"], row["checkpoint"]) for row in rows[8:]} == {("base", "last")}
    normal, abnormal = rows[:4], rows[4:8]
    assert [row["video_id"] for row in rows[:8]] == ["n"] * 4 + ["a"] * 4
    assert [row["snippet"] for row in normal] == [0, 1, 2, 3]
    assert [(row["start"], row["end"]) for row in normal] == [(0, 1), (1, 2), (2, 3), (3, 5)]
    assert [(row["start"], row["end"]) for row in abnormal] == [(0, 2), (2, 4), (4, 6), (6, 8)]
    assert [row["score"] for row in abnormal] == pytest.approx([0.1, 0.3, 0.9, 0.4])
    assert all(row["category_prob"] == [0.25, 0.5] for row in normal)
    assert all(row["category_prob"] == [0.75, 0.125] for row in abnormal)
    assert all(row["category_prob"] == [] for row in rows[8:])
    assert rows[14]["score"] == pytest.approx(0.15)
    assert {row["seed"] for row in scores_table(runs()[3:], ROWS).to_pylist()} == {1}


def test_curves_are_of_the_last_checkpoints() -> None:
    found = curves_of(runs(), ROWS)
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


def test_floors_take_their_better_direction_and_null_for_undefined() -> None:
    found = floors_of({"up": GOOD, "down": -GOOD}, ROWS, 0.5)
    assert found["up"] == found["down"]
    assert found["up"]["frame_auc"] == 1.0
    assert "false_alarm_rate" not in found["up"]
    assert floors_of({"up": GOOD[:1]}, ROWS[:1], 0.5)["up"]["frame_auc"] is None


def test_data_summary_by_hand() -> None:
    overlapping = {
        **ROWS[1],
        "events": [{"start": 0, "end": 4}, {"start": 2, "end": 5}],
    }
    manifest = {"n_videos": 12, "missing": ["x.mp4", "y.mp4"]}
    assert data_summary(manifest, 6, [*ROWS, overlapping]) == {
        "n_train": 6,
        "n_test": 3,
        "test_frames": 5 + 8 + 8,
        "abnormal_test_frames": 2 + 5,
        "left_out": 3,
        "missing": 2,
    }


def test_data_summary_counts_no_abnormal_frames_where_events_are_unknown() -> None:
    manifest = {"n_videos": 2, "missing": []}
    found = data_summary(manifest, 0, [{**ROWS[1], "categories": ["Fire"], "events": []}])
    assert found["without_events"] == 1
    assert "abnormal_test_frames" not in found


def test_note_names_encoders_and_warns_of_those_that_know_nothing() -> None:
    rules = RulesCaption(backend="rules")
    random = encoder_note(Clip(model="tiny", pretrained="random"), rules)
    assert random.startswith("Features: CLIP tiny with random weights, captions by rules.")
    real = encoder_note(Clip(model="ViT-L-14-quickgelu", pretrained="openai"), rules)
    assert real.startswith("Features: CLIP ViT-L-14-quickgelu (openai), captions by rules.")
    assert "know nothing of the world" in random
    assert "know nothing of the world" not in real  # trained weights do
    for note in (random, real):
        assert "they see no objects and no actions" in note
        assert "compare with no published result" in note
