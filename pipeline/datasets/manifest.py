"""The manifest: one row a listed video, with what its file says and whether it is used."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import tables
from pipeline.config import Source
from pipeline.datasets import folder, ucf_crime
from pipeline.datasets.listing import Listing, Video

ADAPTERS: dict[str, Callable[[Path, Any], Listing]] = {
    "ucf_crime": ucf_crime.list_videos,
    "folder": folder.list_videos,
}


def list_videos(root: Path, source: Source) -> Listing:
    """What the source's adapter finds below `root`."""
    return ADAPTERS[source.adapter](root, source)


def build(
    listing: Listing,
    digests: Mapping[str, str],
    probes: Mapping[str, Mapping[str, Any]],
    errors: Mapping[str, str],
) -> tuple[pa.Table, int]:
    """The manifest table (schema `tables.MANIFEST`), sorted by video id, and events clipped.

    `digests`, `probes` and `errors` are by video id; a video in `errors` gets status `unreadable`
    and zeros. Events are clipped to the video's frames; those cut or dropped are counted.
    """
    rows, n_clipped = [], 0
    for video in sorted(listing.videos, key=lambda video: video.video_id):
        error = errors.get(video.video_id)
        probe = dict.fromkeys(tables.PROBE.names, 0) if error else dict(probes[video.video_id])
        events, clipped = _clip_events(video, probe["n_frames"])
        n_clipped += 0 if error else clipped
        rows.append(
            {
                "video_id": video.video_id,
                "path": str(video.path),
                "sha256": digests.get(video.video_id, ""),
                "split": video.split,
                "categories": list(video.categories),
                **probe,
                "events": events,
                "status": "unreadable" if error else "ok",
                "error": error or "",
            }
        )
    return pa.Table.from_pylist(rows, schema=tables.MANIFEST), n_clipped


def _clip_events(video: Video, n_frames: int) -> tuple[list[dict[str, Any]], int]:
    """Events within `[0, n_frames)`, and how many of them had to be cut or dropped."""
    kept, clipped = [], 0
    for event in video.events:
        end = min(event.end, n_frames)
        clipped += end != event.end
        if event.start < end:
            kept.append({"start": event.start, "end": end, "category": event.category})
    return kept, clipped


def summary(listing: Listing, manifest: pa.Table, n_clipped: int) -> dict[str, Any]:
    """Counts and names of what is there, missing and left out (plain JSON values)."""
    rows = manifest.select(["video_id", "split", "categories", "status", "error"]).to_pylist()
    unreadable = {row["video_id"]: row["error"] for row in rows if row["status"] != "ok"}
    return {
        "n_videos": len(rows),
        "n_train": sum(row["split"] == "train" for row in rows),
        "n_test": sum(row["split"] == "test" for row in rows),
        "n_abnormal": sum(bool(row["categories"]) for row in rows),
        "n_events_clipped": n_clipped,
        "in_both_splits": _in_both_splits(manifest),
        "unreadable": unreadable,
        "missing": listing.missing,
        "unlisted": listing.unlisted,
        "duplicated": listing.duplicated,
    }


def _in_both_splits(manifest: pa.Table) -> list[str]:
    """Test videos of the very content of a training video."""
    rows = manifest.select(["video_id", "split", "sha256"]).to_pylist()
    trained = {row["sha256"] for row in rows if row["split"] == "train" and row["sha256"]}
    return [r["video_id"] for r in rows if r["split"] == "test" and r["sha256"] in trained]


def summary_line(summary: Mapping[str, Any]) -> str:
    """The summary in one line for the terminal."""
    text = (
        f"{summary['n_videos']} videos ({summary['n_train']} train, {summary['n_test']} test, "
        f"{summary['n_abnormal']} abnormal)"
    )
    for key in ("unreadable", "missing", "unlisted", "duplicated", "in_both_splits"):
        if summary[key]:
            text += f", {len(summary[key])} {key.replace('_', ' ')}"
    if summary["n_events_clipped"]:
        text += f", {summary['n_events_clipped']} events clipped to their video"
    return text
