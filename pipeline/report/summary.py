"""What the numbers rest on: counts of the data, and the videos that were left out."""

from typing import Any

import pandas as pd

from pipeline.report.results import CHECKPOINT, Results

LABELS = {
    "n_train": "training videos",
    "n_test": "test videos",
    "test_frames": "test frames",
    "abnormal_test_frames": "abnormal test frames",
    "without_events": "abnormal test videos without annotated events",
    "left_out": "videos left out",
    "missing": "videos listed but not found",
}


def facts(counts: dict[str, Any]) -> list[tuple[str, str]]:
    """`(label, value)` of each count in metrics.json's `data`, and the share of abnormal frames."""
    shown = [(LABELS.get(key, key), _grouped(value)) for key, value in counts.items()]
    share = abnormal_share(counts)
    return shown if share is None else [*shown, ("of test frames are abnormal", f"{share:.1%}")]


def abnormal_share(counts: dict[str, Any]) -> float | None:
    """Share of test frames inside an event: what a random score gets as AP."""
    frames, abnormal = counts.get("test_frames"), counts.get("abnormal_test_frames")
    return abnormal / frames if frames and abnormal is not None else None


def left_out(results: Results) -> list[tuple[str, str, str]]:
    """`(video_id, stage, reason)` of each video that did not make it, in that order."""
    listed = results.manifest[results.manifest["status"] != "ok"]
    rows = {
        (str(row["video_id"]), "manifest", _reason(row["status"], row["error"]))
        for row in listed.to_dict("records")
    }
    rows |= {
        (str(row["video_id"]), str(row["stage"]), str(row["error"]))
        for row in results.skipped.to_dict("records")
    }
    unexplained = set(_unscored(results)) - {video_id for video_id, _, _ in rows}
    rows |= {(video_id, "evaluate", "has no scores") for video_id in unexplained}
    return sorted(rows)


def _unscored(results: Results) -> pd.Series:
    manifest, scores = results.manifest, results.scores
    scored = scores.loc[scores["checkpoint"] == CHECKPOINT, "video_id"]
    test = manifest[(manifest["split"] == "test") & ~manifest["video_id"].isin(scored)]
    return test["video_id"]


def _reason(status: str, error: str) -> str:
    return f"{status}: {error}" if error else str(status)


def _grouped(value: Any) -> str:
    return f"{value:,}".replace(",", "\u202f") if isinstance(value, int) else str(value)
