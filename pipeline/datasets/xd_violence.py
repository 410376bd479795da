"""XD-Violence (Wu et al., ECCV 2020): label codes in the file names, test events in a text file.

Reads the folders as distributed (`1-1004/`, ..., `videos/`, the test folder), a flat folder, or
links; videos are found anywhere below the raw folder and known by their name, in whatever Unicode
normal form it is written.

A name ends in its codes, `..._label_B2-B6-0.mp4`: up to three, `0` fills, `A` is normal. A video is
a test video when it lies below a folder named in `test_folders`, stands in `test_list`, or is
annotated. `annotations.txt` holds `name start end start end ...`: frames, 0-based, half-open.
It does not say which of a video's categories an event is of; ours: the first code's.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.config import XdViolenceSource
from pipeline.datasets.listing import (
    VIDEO_SUFFIXES,
    Event,
    Listing,
    Video,
    files_below,
    is_video,
    nearest,
    normal_form,
    read_lines,
)
from pipeline.errors import UserError

CODES = {
    "B1": "Fighting",
    "B2": "Shooting",
    "B4": "Riot",
    "B5": "Abuse",
    "B6": "CarAccident",
    "G": "Explosion",
}
ANNOTATIONS = "annotations.txt"
_LINE = re.compile(r"(?P<name>.*?\S)(?P<bounds>(?:\s+-?\d+)+)")


def list_videos(root: Path, settings: XdViolenceSource) -> Listing:
    """The videos below `root`; raises `UserError` naming file and line."""
    files = files_below(root)
    annotation = nearest(files, ANNOTATIONS)
    events = _read_events(annotation) if annotation else {}
    listed = set(events) | _read_test_list(root, settings.test_list)
    codes_of = {video_id_of(name): codes for name, codes in settings.labels.items()}
    listing = Listing(videos=[], categories=list(CODES.values()), normal_spans=True)
    paths_of: dict[str, list[Path]] = {}
    for path in filter(is_video, files):
        paths_of.setdefault(video_id_of(path.name), []).append(path)
    for video_id, paths in sorted(paths_of.items()):
        # of several files of one name, rather one in the test folder
        path = next((path for path in paths if _in_test(path, root, settings)), paths[0])
        listing.duplicated += [str(other) for other in paths if other != path]
        try:
            categories = _categories(codes_of.get(video_id) or _codes_of_name(video_id))
        except ValueError as error:
            listing.mislabel(
                video_id,
                f"{error}; left out: add its codes to `labels` of the source in params.yaml",
            )
            continue
        test = video_id in listed or _in_test(path, root, settings)
        video = Video(video_id, path, "test" if test else "train", categories)
        listing.videos.append(_with_events(listing, video, events) if annotation else video)
    listing.missing = sorted(listed - set(paths_of))
    listing.notes = _notes(listing, annotation, sorted(set(codes_of) - set(paths_of)), root)
    return listing


def video_id_of(name: str) -> str:
    """The id of a video's file name, with or without the suffix: names hold other dots."""
    path = Path(normal_form(name))
    return path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name


def _in_test(path: Path, root: Path, settings: XdViolenceSource) -> bool:
    return not set(settings.test_folders).isdisjoint(path.relative_to(root).parts[:-1])


def _codes_of_name(video_id: str) -> list[str]:
    """`[B2, B6]` of `..._label_B2-B6-0`; raises `ValueError` for a name without codes."""
    _, mark, text = video_id.rpartition("_label_")
    codes = [code for code in text.split("-") if code not in ("", "0")]
    if not mark or not codes:
        raise ValueError("its name has no code, expected e.g. ..._label_B1-0-0 or ..._label_A")
    return codes


def _categories(codes: Sequence[str]) -> tuple[str, ...]:
    """The categories of codes, each once; `A` alone is normal; `ValueError` for anything else."""
    if list(codes) == ["A"]:
        return ()
    unknown = [code for code in codes if code not in CODES]
    if unknown:
        expected = f"A alone, or up to three of {', '.join(CODES)}"
        raise ValueError(f"its codes are {'-'.join(codes)}, expected {expected}")
    return tuple(dict.fromkeys(CODES[code] for code in codes))


def _with_events(
    listing: Listing, video: Video, events: dict[str, tuple[tuple[float, float], ...]]
) -> Video:
    """A video with its annotated events, named where label and annotation disagree."""
    pairs = events.get(video.video_id, ())
    if pairs and not video.categories:
        listing.mislabel(
            video.video_id,
            "annotated, but its code is A; taken as normal, without these events "
            "(`labels` of the source in params.yaml can give its codes)",
        )
        return video
    if not pairs and video.categories and video.split == "test":
        listing.mislabel(
            video.video_id, f"has no line in {ANNOTATIONS}; counts as without annotated event"
        )
    found = [Event(start, end, video.categories[0]) for start, end in pairs]
    return replace(video, events=tuple(found))


def _read_events(path: Path) -> dict[str, tuple[tuple[float, float], ...]]:
    """Frame intervals by video id, from lines of `name start end start end ...`."""
    events: dict[str, tuple[tuple[float, float], ...]] = {}
    for where, line in read_lines(path):
        match = _LINE.fullmatch(line)
        numbers = [int(bound) for bound in match["bounds"].split()] if match else []
        if match is None or len(numbers) % 2:
            raise UserError(
                f"{where}: expected `name start end start end ...` in frames, found {line!r}"
            )
        video_id = video_id_of(match["name"])
        if video_id in events:
            raise UserError(f"{where}: {video_id} has been annotated in an earlier line")
        events[video_id] = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        for start, end in events[video_id]:
            if not 0 <= start < end:
                raise UserError(f"{where}: expected 0 <= start < end, found {start} {end}")
    return events


def _read_test_list(root: Path, name: str | None) -> set[str]:
    """The video ids of a list of test videos; a line may hold a path and a suffix."""
    if name is None:
        return set()
    path = root / name
    if not path.is_file():
        raise UserError(
            f"{path} does not exist; `test_list` of the source in params.yaml names it: "
            "put it there, one test video a line, or remove the setting"
        )
    return {video_id_of(line) for _, line in read_lines(path)}


def _notes(
    listing: Listing, annotation: Path | None, absent_labels: list[str], root: Path
) -> list[str]:
    """What the user should know: no annotation, no normal test video, labels of nothing."""
    notes = []
    test = [video for video in listing.videos if video.split == "test"]
    if annotation is None:
        notes.append(f"no {ANNOTATIONS} in {root} or below, so no event is known")
    if any(video.events for video in test) and all(video.categories for video in test):
        notes.append(
            "no normal video is a test video: name the folder of the test videos in "
            "`test_folders`, or list them in a file named by `test_list` (params.yaml, `sources`)"
        )
    if absent_labels:
        notes.append(f"`labels` in params.yaml names videos not there: {', '.join(absent_labels)}")
    return notes
