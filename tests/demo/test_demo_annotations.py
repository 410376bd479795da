"""The annotation files, read back by a parser written for this test alone."""

import re
from dataclasses import replace
from pathlib import Path

from pipeline.demo.annotations import event_line
from pipeline.demo.plan import DemoEvent, plan_videos
from tests.demo.conftest import TINY, Generated

LINE = re.compile(r"(\S+\.mp4)  ([A-Za-z]+)  (-?\d+)  (-?\d+)  (-?\d+)  (-?\d+)")


def parse(path: Path) -> dict[str, tuple[str, list[tuple[int, int]]]]:
    """Category and half-open events of each video file's name."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        match = LINE.fullmatch(line)
        assert match, line
        name, category, *edges = match.groups()
        numbers = [int(edge) for edge in edges]
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
        found[name] = (category, [pair for pair in pairs if pair != (-1, -1)])
    return found


def test_the_lists_name_every_video_of_their_split_once(tiny: Generated) -> None:
    for split, name in (("train", "Anomaly_Train.txt"), ("test", "Anomaly_Test.txt")):
        lines = (tiny.root / name).read_text(encoding="utf-8").splitlines()
        assert lines == [video.listed for video in tiny.videos if video.split == split]
        assert len(set(lines)) == len(lines)
    folders = {line.split("/")[0] for line in (tiny.root / "Anomaly_Train.txt").open()}
    assert folders == {"Fire", "Panic", "Training_Normal_Videos_Anomaly"}


def test_events_of_the_test_videos(tiny: Generated) -> None:
    parsed = parse(tiny.root / "Temporal_Anomaly_Annotation_for_Testing_Videos.txt")
    expected = {
        f"{video.name}.mp4": (
            video.category or "Normal",
            [(event.start, event.end) for event in video.events],
        )
        for video in tiny.videos
        if video.split == "test"
    }
    assert parsed == expected
    assert any(events for _, events in parsed.values())


def test_lines_by_hand() -> None:
    anomalous, *_, normal = plan_videos(TINY)
    one = event_line(replace(anomalous, events=(DemoEvent(3, 9, "Fire"),)))
    assert one == "Fire001_x264.mp4  Fire  3  9  -1  -1"
    two = (DemoEvent(3, 9, "Fire"), DemoEvent(20, 31, "Fire"))
    both = event_line(replace(anomalous, events=two))
    assert both == "Fire001_x264.mp4  Fire  3  9  20  31"
    assert event_line(normal) == "Normal_Videos_102_x264.mp4  Normal  -1  -1  -1  -1"
