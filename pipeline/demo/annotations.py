"""The three text files of UCF-Crime that name the videos and their events."""

from collections.abc import Iterable
from pathlib import Path

from pipeline.atomic import write_text
from pipeline.demo.plan import DemoVideo

TRAIN_LIST = "Anomaly_Train.txt"
TEST_LIST = "Anomaly_Test.txt"
EVENT_LIST = "Temporal_Anomaly_Annotation_for_Testing_Videos.txt"
MAX_EVENTS = 2  # columns of the event list


def write_annotations(root: Path, videos: list[DemoVideo]) -> None:
    """Write the lists of both splits and the frame events of the test videos."""
    test = [video for video in videos if video.split == "test"]
    _write(root / TRAIN_LIST, (video.listed for video in videos if video.split == "train"))
    _write(root / TEST_LIST, (video.listed for video in test))
    _write(root / EVENT_LIST, (event_line(video) for video in test))


def event_line(video: DemoVideo) -> str:
    """``name.mp4  Category  s1  e1  s2  e2``; frames 0-based, half-open, -1 for none."""
    edges = [edge for event in video.events for edge in (event.start, event.end)]
    edges += [-1] * (2 * MAX_EVENTS - len(edges))
    category = video.category or "Normal"
    return "  ".join((f"{video.name}.mp4", category, *map(str, edges)))


def _write(path: Path, lines: Iterable[str]) -> None:
    write_text(path, "".join(f"{line}\n" for line in lines))
