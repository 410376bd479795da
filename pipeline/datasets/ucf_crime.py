"""UCF-Crime (Sultani et al., CVPR 2018): its folders and three list files.

Reads the layout as distributed, a flat folder, or links: lists and videos are found by
file name anywhere below the raw folder. The category of a video is the folder
that its list line names (`Abuse/Abuse028_x264.mp4`); a folder with "Normal" in its name
means normal. Test events stand in `Temporal_Anomaly_Annotation*.txt` as
`name  category  start end  start end`, -1 for none; we read them as 0-based, half-open
frame intervals.
"""

from pathlib import Path, PurePosixPath

from pipeline.config import UcfCrimeSource
from pipeline.datasets.listing import Event, Listing, Video, files_below, is_video
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
    events = _read_events(_find(files, ANNOTATIONS, root), categories)
    candidates: dict[str, list[Path]] = {}
    for path in filter(is_video, files):
        candidates.setdefault(path.name, []).append(path)
    listing = Listing(videos=[], categories=list(categories))
    split_of: dict[str, str] = {}
    for split, list_name in LISTS.items():
        for entry, category in _read_list(_find(files, list_name, root), categories):
            video_id = entry.stem
            if video_id in split_of:
                raise UserError(f"{video_id} is listed twice, in {split_of[video_id]} and {split}")
            split_of[video_id] = split
            paths = candidates.pop(entry.name, [])
            if not paths:
                listing.missing.append(video_id)
                continue
            # of several files of one name, rather the one in the folder that the list names
            path = next((path for path in paths if path.parent.name == entry.parent.name), paths[0])
            listing.duplicated += [str(other) for other in paths if other != path]
            found = events.get(video_id, ()) if split == "test" else ()
            listing.videos.append(Video(video_id, path, split, category, found))
    listing.unlisted = sorted(str(path) for paths in candidates.values() for path in paths)
    return listing


def _find(files: list[Path], pattern: str, root: Path) -> Path:
    """The one file of that name, nearest to the top."""
    found = [path for path in files if path.match(pattern)]
    if not found:
        raise UserError(
            f"{root}: no {pattern} here or below; it is part of the UCF-Crime download "
            "(Anomaly_Detection_splits and Temporal_Anomaly_Annotation)"
        )
    return min(found, key=lambda path: (len(path.parts), path))


def _read_list(path: Path, categories: list[str]) -> list[tuple[PurePosixPath, tuple[str, ...]]]:
    """(relative path, categories) of each line of a list file."""
    entries: list[tuple[PurePosixPath, tuple[str, ...]]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        entry = PurePosixPath(line.strip())
        folder = entry.parent.name
        if len(entry.parts) < 2 or not entry.suffix:
            raise UserError(f"{path}:{number}: expected <Category>/<name>.mp4, found {line!r}")
        if "Normal" in folder:
            entries.append((entry, ()))
        elif folder in categories:
            entries.append((entry, (folder,)))
        else:
            known = ", ".join(categories)
            raise UserError(f"{path}:{number}: unknown category '{folder}' (known: {known})")
    return entries


def _read_events(path: Path, categories: list[str]) -> dict[str, tuple[Event, ...]]:
    """Events by video id, from the lines of the temporal annotation."""
    events: dict[str, tuple[Event, ...]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        name, *rest = line.split()
        category, bounds = (rest[0], rest[1:]) if rest else ("", [])
        if category != "Normal" and category not in categories:
            raise UserError(f"{where}: expected `name category start end ...`, found {line!r}")
        if Path(name).stem in events:
            raise UserError(f"{where}: {name} has been annotated in an earlier line")
        found = _pairs(bounds, category, where)
        if found and category == "Normal":
            raise UserError(f"{where}: a normal video has no event, expected -1 -1, found {line!r}")
        events[Path(name).stem] = found
    return events


def _pairs(bounds: list[str], category: str, where: str) -> tuple[Event, ...]:
    try:
        numbers = [int(bound) for bound in bounds]
    except ValueError:
        raise UserError(f"{where}: expected frame numbers, found {' '.join(bounds)!r}") from None
    if len(numbers) % 2:
        raise UserError(f"{where}: expected pairs of first and last frame, found {numbers}")
    pairs = [pair for pair in zip(numbers[::2], numbers[1::2], strict=True) if pair != (-1, -1)]
    for start, end in pairs:
        if not 0 <= start < end:
            raise UserError(f"{where}: expected 0 <= start < end or -1 -1, found {start} {end}")
    return tuple(Event(start, end, category) for start, end in pairs)
