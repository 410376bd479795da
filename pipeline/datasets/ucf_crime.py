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
from pipeline.datasets.listing import Event, Listing, Video, by_name
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
    files, duplicated = by_name(root)
    events = _read_events(_find(root, ANNOTATIONS), categories)
    listing = Listing(videos=[], categories=list(categories), duplicated=duplicated)
    split_of: dict[str, str] = {}
    for split, list_name in LISTS.items():
        for name, category in _read_list(_find(root, list_name), categories):
            if name in split_of:
                raise UserError(f"{name} is listed twice, in {split_of[name]} and in {split}")
            split_of[name] = split
            video_id = Path(name).stem
            if name not in files:
                listing.missing.append(video_id)
            else:
                found = events.get(video_id, ()) if split == "test" else ()
                listing.videos.append(Video(video_id, files[name], split, category, found))
    listing.unlisted = sorted(str(path) for name, path in files.items() if name not in split_of)
    return listing


def _find(root: Path, pattern: str) -> Path:
    """The one file of that name below `root`, nearest to the top."""
    found = sorted(root.rglob(pattern), key=lambda path: (len(path.parts), path))
    if not found:
        raise UserError(
            f"{root}: no {pattern} here or below; it is part of the UCF-Crime download "
            "(Anomaly_Detection_splits and Temporal_Anomaly_Annotation)"
        )
    return found[0]


def _read_list(path: Path, categories: list[str]) -> list[tuple[str, tuple[str, ...]]]:
    """(file name, categories) of each line of a list file."""
    entries: list[tuple[str, tuple[str, ...]]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        entry = PurePosixPath(line.strip())
        folder = entry.parent.name
        if len(entry.parts) < 2 or not entry.suffix:
            raise UserError(f"{path}:{number}: expected <Category>/<name>.mp4, found {line!r}")
        if "Normal" in folder:
            entries.append((entry.name, ()))
        elif folder in categories:
            entries.append((entry.name, (folder,)))
        else:
            known = ", ".join(categories)
            raise UserError(f"{path}:{number}: unknown category '{folder}' (known: {known})")
    return entries


def _read_events(path: Path, categories: list[str]) -> dict[str, tuple[Event, ...]]:
    """Events by video id, from the lines of the temporal annotation."""
    events = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        name, category, *bounds = line.split()
        if category != "Normal" and category not in categories:
            raise UserError(f"{where}: unknown category '{category}'")
        try:
            numbers = [int(bound) for bound in bounds]
        except ValueError:
            raise UserError(f"{where}: expected frame numbers, found {line!r}") from None
        events[Path(name).stem] = _pairs(numbers, category, where)
    return events


def _pairs(numbers: list[int], category: str, where: str) -> tuple[Event, ...]:
    if len(numbers) % 2:
        raise UserError(f"{where}: expected pairs of first and last frame, found {numbers}")
    pairs = [pair for pair in zip(numbers[::2], numbers[1::2], strict=True) if pair != (-1, -1)]
    for start, end in pairs:
        if not 0 <= start < end:
            raise UserError(f"{where}: expected 0 <= start < end or -1 -1, found {start} {end}")
    return tuple(Event(start, end, category) for start, end in pairs)
