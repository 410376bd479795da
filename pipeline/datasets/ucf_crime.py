"""UCF-Crime (Sultani et al., CVPR 2018): its folders and three list files.

Reads the layout as distributed, a flat folder, or links: lists and videos are found by
file name anywhere below the raw folder. The category of a video is the folder that its list line
names; where a file's folder, its name or the annotation says otherwise, the list wins and the
video is named in the listing's `mislabelled`. Events are read of test videos alone.
"""

import re
from dataclasses import replace
from pathlib import Path

from pipeline.config import UcfCrimeSource
from pipeline.datasets.listing import Event, Listing, Video, files_below, is_video, nearest
from pipeline.datasets.ucf_lists import read_annotation, read_list
from pipeline.errors import UserError

CATEGORIES = [
    "Abuse",
    "Arrest",
    "Arson",
    "Assault",
    "Burglary",
    "Explosion",
    "Fighting",
    "RoadAccidents",
    "Robbery",
    "Shooting",
    "Shoplifting",
    "Stealing",
    "Vandalism",
]
LISTS = {"train": "Anomaly_Train.txt", "test": "Anomaly_Test.txt"}
ANNOTATIONS = "Temporal_Anomaly_Annotation*.txt"


def list_videos(root: Path, settings: UcfCrimeSource) -> Listing:
    """The listed videos that are below `root`; raises `UserError` naming file and line."""
    categories = settings.categories or CATEGORIES
    files = files_below(root)
    annotated = read_annotation(_find(files, ANNOTATIONS, root), categories)
    candidates: dict[str, list[Path]] = {}
    for path in filter(is_video, files):
        candidates.setdefault(path.name, []).append(path)
    listing = Listing(videos=[], categories=list(categories))
    split_of: dict[str, str] = {}
    where_of: dict[str, str] = {}
    for split, list_name in LISTS.items():
        for entry in read_list(_find(files, list_name, root), categories):
            video_id = entry.path.stem
            if video_id in where_of:
                raise UserError(
                    f"{entry.where}: {video_id} stands at {where_of[video_id]} too; "
                    "a video is in one list once: remove one of the lines"
                )
            split_of[video_id], where_of[video_id] = split, entry.where
            paths = candidates.pop(entry.path.name, [])
            if not paths:
                listing.missing.append(video_id)
                continue
            # of several files of one name, rather the one in the folder that the list names
            folder = entry.path.parent.name
            path = next((path for path in paths if path.parent.name == folder), paths[0])
            listing.duplicated += [str(other) for other in paths if other != path]
            video = Video(video_id, path, split, entry.categories)
            _check_place(listing, video, root)
            listing.videos.append(_with_events(listing, video, annotated))
    for video_id in sorted(annotated):
        if split_of.get(video_id) != "test":
            what = "not in the test list" if video_id in split_of else "in no list"
            listing.mislabel(video_id, f"annotated, but {what}; its annotation is not used")
    listing.unlisted = sorted(str(path) for paths in candidates.values() for path in paths)
    return listing


def _find(files: list[Path], pattern: str, root: Path) -> Path:
    found = nearest(files, pattern)
    if found is None:
        raise UserError(
            f"{root}: no {pattern} here or below; it is part of the UCF-Crime download "
            "(Anomaly_Detection_splits and Temporal_Anomaly_Annotation)"
        )
    return found


def _check_place(listing: Listing, video: Video, root: Path) -> None:
    """Name the video where its folder or the beginning of its name tells another category."""
    listed = _called(video.categories)
    for folder in reversed(video.path.relative_to(root).parts[:-1]):
        found = folder if folder in listing.categories else "Normal" if "Normal" in folder else None
        if found is not None:
            if found != listed:
                listing.mislabel(
                    video.video_id, f"lies in the folder '{folder}'; taken as listed: {listed}"
                )
            break
    for category in (*listing.categories, "Normal"):
        if category != listed and re.match(rf"{re.escape(category)}(?![A-Za-z])", video.video_id):
            listing.mislabel(
                video.video_id, f"its name begins with '{category}'; taken as listed: {listed}"
            )


def _with_events(
    listing: Listing,
    video: Video,
    annotated: dict[str, tuple[tuple[str, ...], tuple[Event, ...]]],
) -> Video:
    """A test video with its events, under the category that the list gives."""
    if video.split != "test":
        return video
    if video.video_id not in annotated:
        if video.categories:
            listing.mislabel(
                video.video_id, "has no line in the annotation; counts as without annotated event"
            )
        return video
    categories, events = annotated[video.video_id]
    if categories != video.categories:
        listing.mislabel(
            video.video_id,
            f"annotated as {_called(categories)}; taken as listed: {_called(video.categories)}",
        )
    elif categories and not events:
        listing.mislabel(
            video.video_id, "annotated without a frame; counts as without annotated event"
        )
    # a video that the list calls normal has no category that an event could have
    kept = [replace(event, category=name) for event in events for name in video.categories]
    return replace(video, events=tuple(kept))


def _called(categories: tuple[str, ...]) -> str:
    return categories[0] if categories else "Normal"
