"""What the numbers rest on: counts of the data, what does not fit, and the videos left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.report.results import Results

COUNTS = {
    "n_train": "training videos",
    "n_validation": "validation videos",
    "n_test": "test videos",
    "test_frames": "test frames",
    "abnormal_test_frames": "abnormal test frames",
    "without_events": "abnormal test videos without annotated events",
}
FAULTS = {
    "left_out": "videos left out",
    "missing": "videos listed but not found",
    "unlisted": "videos found but in no list",
    "duplicated": "further files of a video",
    "mislabelled": "labels that contradict one another",
    "in_both_splits": "test videos that are training videos too",
    "events_clipped": "events cut to their video's length",
    "events_dropped": "events that hold no frame of their video",
}
GT_LENGTHS = {
    "frames": "Ground truth covers every frame of a video.",
    "floor16": "Ground truth covers the first 16·⌊(n − 1)/16⌋ of a video's n frames, as in many "
    "papers (mAP: every frame). Compare only with numbers of that kind.",
}
ELSEWHERE = ("gt_length", "map_classes")  # a remark; beside mAP
NAMED = ("missing", "unlisted", "duplicated", "mislabelled", "in_both_splits")
MOST_NAMED = 10  # mislabelled videos shown with their reason; manifest.json has all


@dataclass(frozen=True)
class Data:
    """The data section.

    `facts` are `(label, value)`; `none` the labels of faults that did not occur; `mislabelled` are
    `(name, reason)`, the first of `n_mislabelled`; `has_names`: the manifest's summary at
    `listing_path` names what some count is of; `left_out` are `(video_id, stage, reason)`.
    """

    facts: list[tuple[str, str]]
    none: list[str]
    remarks: list[str]
    mislabelled: list[tuple[str, str]]
    n_mislabelled: int
    listing_path: str
    has_names: bool
    left_out: list[tuple[str, str, str]]


def build(results: Results) -> Data:
    """Counts of metrics.json's `data`, names of the manifest's summary, and videos left out."""
    counts = results.metrics.get("data", {})
    mislabelled = sorted(results.listing.get("mislabelled", {}).items())
    gt_length = GT_LENGTHS.get(counts.get("gt_length", ""))
    return Data(
        facts=facts(counts),
        none=[label for key, label in FAULTS.items() if counts.get(key) == 0],
        remarks=[
            *([gt_length] if gt_length else []),
            *map(str, results.listing.get("notes", [])),
            *(f"Captions: {line}" for line in results.on_captions),
        ],
        mislabelled=mislabelled[:MOST_NAMED],
        n_mislabelled=len(mislabelled),
        listing_path=results.listing_path,
        has_names=any(counts.get(key) for key in NAMED),
        left_out=left_out(results),
    )


def facts(counts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """`(label, value)`: the counts, the share of abnormal frames, the faults that occurred.

    There need be no validation videos, so none are not worth a line.
    """
    known = [key for key in COUNTS if key in counts and (counts[key] or key != "n_validation")]
    shown = [(COUNTS[key], _grouped(counts[key])) for key in known]
    share = abnormal_share(counts)
    if share is not None:
        shown.append(("of test frames are abnormal", f"{share:.1%}"))
    shown += [(label, _grouped(counts[key])) for key, label in FAULTS.items() if counts.get(key)]
    other = [key for key in counts if key not in {*COUNTS, *FAULTS, *ELSEWHERE}]
    return shown + [(key, _grouped(counts[key])) for key in other]


def abnormal_share(counts: Mapping[str, Any]) -> float | None:
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
    """Test videos without scores; none where no head has any, which is no fault of a video."""
    manifest, scored = results.manifest, results.shown["video_id"]
    if scored.empty:
        return scored
    return manifest.loc[
        (manifest["split"] == "test") & ~manifest["video_id"].isin(scored), "video_id"
    ]


def _reason(status: str, error: str) -> str:
    return f"{status}: {error}" if error else str(status)


def _grouped(value: Any) -> str:
    return f"{value:,}".replace(",", "\u202f") if isinstance(value, int) else str(value)
