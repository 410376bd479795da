"""The gate passes what has not dropped, and nothing else."""

import pytest

from pipeline.metrics.gate import Verdict, as_markdown, compare, look_up

METRICS = {"refinevad": {"last": {"frame_auc": {"mean": 0.8}, "ap": {"mean": None}}}, "n": 3}


@pytest.mark.parametrize(
    ("found", "passed"),
    [(0.8, True), (0.75, True), (0.749, False), (0.95, True), (None, False), (float("nan"), False)],
)
def test_verdict(found: float | None, passed: bool) -> None:
    assert Verdict("m", 0.8, 0.05, found).passed is passed


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("refinevad.last.frame_auc.mean", 0.8),
        ("n", 3.0),
        ("refinevad.last.ap.mean", None),
        ("refinevad.last.frame_auc", None),
        ("refinevad.last.video_auc.mean", None),
        ("n.mean", None),
        ("base", None),
    ],
)
def test_look_up(name: str, expected: float | None) -> None:
    assert look_up(METRICS, name) == expected


def test_compare_both_ways() -> None:
    name = "refinevad.last.frame_auc.mean"
    reference = {
        name: {"value": 0.84, "tolerance": 0.05},
        "refinevad.last.ap.mean": {"value": 0.1, "tolerance": 0.5},
    }
    kept, gone = compare(METRICS, reference)
    assert (kept.name, kept.reference, kept.tolerance, kept.found) == (name, 0.84, 0.05, 0.8)
    assert kept.passed
    assert not gone.passed
    (dropped,) = compare(METRICS, {name: {"value": 0.86, "tolerance": 0.05}})
    assert not dropped.passed


def test_markdown() -> None:
    verdicts = [
        Verdict("a", 0.8, 0.05, 0.9),
        Verdict("b", 0.8, 0.05, 0.7),
        Verdict("c", 1, 0, None),
    ]
    assert as_markdown(verdicts).splitlines()[2:] == [
        "| a | 0.8000 | 0.0500 | 0.9000 | ok |",
        "| b | 0.8000 | 0.0500 | 0.7000 | DROPPED |",
        "| c | 1.0000 | 0.0000 | absent | DROPPED |",
    ]


def test_a_difference_of_two_metrics_can_be_gated() -> None:
    metrics = {"head": {"auc": 0.75}, "floor": {"auc": 0.5}}
    assert look_up(metrics, "head.auc - floor.auc") == 0.25
    assert look_up(metrics, "head.auc - gone.auc") is None
    reference = {"head.auc - floor.auc": {"value": 0.3, "tolerance": 0.04}}
    assert [verdict.passed for verdict in compare(metrics, reference)] == [False]
