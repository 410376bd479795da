"""The manifest: one row a listed video, with what its file says and whether it is used."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import tables
from pipeline.config import Decode, Source
from pipeline.datasets import features, folder, reading, splits, ucf_crime, xd_violence
from pipeline.datasets.event_frames import clip, in_frames
from pipeline.datasets.listing import SPLITS, Listing
from pipeline.errors import UserError


@dataclass(frozen=True)
class Adapter:
    """What lists a source's videos below a raw folder, and what reads their files."""

    list_videos: Callable[[Path, Any], Listing]
    reader: Callable[[Any, Decode], reading.Reader]


ADAPTERS = {
    "ucf_crime": Adapter(ucf_crime.list_videos, reading.of_videos),
    "xd_violence": Adapter(xd_violence.list_videos, reading.of_videos),
    "folder": Adapter(folder.list_videos, reading.of_videos),
    "features": Adapter(features.list_videos, reading.of_features),
}


# What stands in the row of a video that cannot be read.
NO_PROBE: dict[str, Any] = dict.fromkeys(tables.PROBE.names, 0) | {"way": "", "damage": ""}
EVENT_FIELDS = [field.name for field in tables.EVENT]


@dataclass(frozen=True)
class Clipped:
    """How many events end after their video and were cut, and how many hold none of its frames."""

    n_cut: int
    n_dropped: int


def reader(source: Source, decode: Decode) -> reading.Reader:
    """What digests and probes the files of the source's videos; `decode` says how they are read."""
    return ADAPTERS[source.adapter].reader(source, decode)


def list_videos(root: Path, source: Source) -> Listing:
    """What the source's adapter finds below `root`, with the validation split drawn.

    `validation_share` takes training videos alone, and none where the dataset names validation
    videos itself. Raises `UserError` when no video is there.
    """
    listing = ADAPTERS[source.adapter].list_videos(root, source)
    if not listing.videos:
        raise UserError(_nothing_there(root, listing))
    if source.validation_share is not None:
        if any(video.split == "validation" for video in listing.videos):
            listing.notes.append(
                "validation_share draws nothing: the dataset names its validation videos itself"
            )
        else:
            listing.videos = splits.with_validation(listing.videos, source.validation_share)
    listing.notes += _unshown(listing)
    return listing


def _unshown(listing: Listing) -> list[str]:
    """A note for each held-out split that lacks a category, or normal videos, of the others."""
    counts = Counter(name for video in listing.videos for name in video.categories or ("normal",))
    notes = []
    for split in SPLITS[1:]:
        own = [video for video in listing.videos if video.split == split]
        shown = {name for video in own for name in video.categories or ("normal",)}
        absent = [f"{name} ({n} videos)" for name, n in sorted(counts.items()) if name not in shown]
        if own and absent:
            notes.append(f"the {split} split shows none of: {', '.join(absent)}")
    return notes


def _nothing_there(root: Path, listing: Listing) -> str:
    """What was looked for where, and what was found instead."""
    text = f"{root}: not one video of this dataset is there."
    for names, what in (
        (listing.missing, "listed videos were looked for by name"),
        (listing.unlisted, "files are in no list"),
        ([f"{name} ({why})" for name, why in listing.mislabelled.items()], "are left out"),
    ):
        if names:
            more = ", ..." if len(names) > 3 else "."
            text += f" {len(names)} {what}: {', '.join(names[:3])}{more}"
    return text + " Put the videos there, or link their folder."


def build(
    listing: Listing,
    digests: Mapping[str, str],
    probes: Mapping[str, Mapping[str, Any]],
    errors: Mapping[str, str],
) -> tuple[pa.Table, Clipped]:
    """The manifest table (schema `tables.MANIFEST`), sorted by video id, and events clipped.

    `digests`, `probes` and `errors` are by video id; a video in `errors` gets status `unreadable`
    and zeros. Events in seconds become frames by the probed rate; all are clipped to the video's
    frames. Raises `UserError` when every video is in `errors`.
    """
    if listing.videos and all(video.video_id in errors for video in listing.videos):
        first = "; ".join(f"{name}: {why}" for name, why in list(errors.items())[:3])
        raise UserError(f"not one of {len(errors)} videos can be read ({first}); mend the files")
    rows, n_cut, n_dropped = [], 0, 0
    for video in sorted(listing.videos, key=lambda video: video.video_id):
        error = errors.get(video.video_id)
        probe = NO_PROBE if error else probes[video.video_id]
        damage = error or probe["damage"]
        spans = [] if error else [in_frames(event, probe["fps"]) for event in video.events]
        events, cut, dropped = clip(spans, probe["n_frames"])
        n_cut, n_dropped = n_cut + cut, n_dropped + dropped
        rows.append(
            {
                "video_id": video.video_id,
                "path": str(video.path),
                "sha256": digests.get(video.video_id, ""),
                "split": video.split,
                "categories": list(video.categories),
                **{name: probe[name] for name in tables.PROBE.names if name != "damage"},
                "events": [dict(zip(EVENT_FIELDS, span, strict=True)) for span in events],
                "status": "unreadable" if error else "salvaged" if damage else "ok",
                "error": damage or "",
            }
        )
    return pa.Table.from_pylist(rows, schema=tables.MANIFEST), Clipped(n_cut, n_dropped)


def summary(listing: Listing, manifest: pa.Table, clipped: Clipped) -> dict[str, Any]:
    """Counts and names of what is there, missing and left out (plain JSON values)."""
    names = ["video_id", "split", "categories", "n_lost", "status", "error"]
    rows = manifest.select(names).to_pylist()
    return {
        "n_videos": len(rows),
        "n_train": sum(row["split"] == "train" for row in rows),
        "n_validation": sum(row["split"] == "validation" for row in rows),
        "n_test": sum(row["split"] == "test" for row in rows),
        "n_abnormal": sum(bool(row["categories"]) for row in rows),
        "n_events_clipped": clipped.n_cut,
        "n_events_dropped": clipped.n_dropped,
        "notes": listing.notes,
        "in_both_splits": _in_both_splits(manifest),
        "salvaged": {
            row["video_id"]: f"{row['n_lost']} frames lost; {row['error']}"
            for row in rows
            if row["status"] == "salvaged"
        },
        "unreadable": {r["video_id"]: r["error"] for r in rows if r["status"] == "unreadable"},
        "missing": listing.missing,
        "unlisted": listing.unlisted,
        "duplicated": listing.duplicated,
        "mislabelled": listing.mislabelled,
    }


def _in_both_splits(manifest: pa.Table) -> list[str]:
    """Test videos of the very content of a training or validation video, and validation videos
    of that of a training video.
    """
    rows = manifest.select(["video_id", "split", "sha256"]).to_pylist()
    seen: dict[str, set[str]] = {split: set() for split in SPLITS}
    for row in rows:
        seen[row["split"]].add(row["sha256"])
    earlier = {"validation": seen["train"], "test": seen["train"] | seen["validation"]}
    return [
        r["video_id"] for r in rows if r["sha256"] and r["sha256"] in earlier.get(r["split"], ())
    ]


def summary_line(summary: Mapping[str, Any]) -> str:
    """The summary in one line for the terminal."""
    counts = [f"{summary['n_train']} train"]
    if summary["n_validation"]:
        counts.append(f"{summary['n_validation']} validation")
    counts.append(f"{summary['n_test']} test" if summary["n_test"] else "no test split")
    text = f"{summary['n_videos']} videos ({', '.join(counts)}, {summary['n_abnormal']} abnormal)"
    for key in (
        "salvaged",
        "unreadable",
        "missing",
        "unlisted",
        "duplicated",
        "mislabelled",
        "in_both_splits",
    ):
        if summary[key]:
            text += f", {len(summary[key])} {key.replace('_', ' ')}"
    if summary["n_events_clipped"]:
        text += f", {summary['n_events_clipped']} events clipped to their video"
    if summary["n_events_dropped"]:
        text += f", {summary['n_events_dropped']} events without a frame dropped"
    return text
