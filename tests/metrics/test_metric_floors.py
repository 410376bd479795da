"""Untrained floors: measured per snippet, judged in their better direction."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from pipeline import tables
from pipeline.metrics.floors import NAMES, better_direction, measure_floors
from pipeline.metrics.frame import ScoredVideo, Undefined, evaluate


def videos(*scores: list[float]) -> list[ScoredVideo]:
    """Videos of as many frames as snippets; the second frame of the odd ones is abnormal."""
    return [
        ScoredVideo(str(i), len(s), np.array(s), i % 2 == 1, ((1, 2),) if i % 2 else ())
        for i, s in enumerate(scores)
    ]


def test_the_better_of_scores_and_their_negatives() -> None:
    up = videos([1, 2, 3], [1, 9, 3])
    down = videos([-1, -2, -3], [-1, -9, -3])
    expected = evaluate(up, 0.5)
    assert expected["frame_auc"] == 1.0
    for each in (up, down):
        found = better_direction(each, 0.5)
        assert found == {name: v for name, v in expected.items() if name != "false_alarm_rate"}


def test_direction_is_chosen_by_frame_auc_alone() -> None:
    mixed = videos([5, 1, 0], [0, 4, 0], [6, 1, 0], [0, 4, 0])
    found = better_direction(mixed, 0.5)
    # Abnormal frames 4, 4 against 5, 1, 0, 6, 1, 0 and four zeros: 8 of 10 beaten.
    assert found["frame_auc"] == 0.8
    # Bags 4, 4 against 5, 6; their negatives would all tie at 0 and give 0.5.
    assert found["video_auc"] == 0.0


def test_undefined_in_both_directions_stays_undefined() -> None:
    found = better_direction(videos([1.0, 2.0]), 0.5)
    assert isinstance(found["frame_auc"], Undefined)


def grey(level: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (32, 24), (level, level, level)).save(out, "JPEG", quality=95)
    return out.getvalue()


def test_floors_of_flat_frames_by_hand(tmp_path: Path) -> None:
    levels = [[10, 10, 10], [20, 50, 20]]
    rows = [
        {
            "snippet": i,
            "start": 3 * i,
            "end": 3 * i + 3,
            "frame_index": [3 * i, 3 * i + 1, 3 * i + 2],
            "image": [grey(level) for level in snippet],
        }
        for i, snippet in enumerate(levels)
    ]
    path = tmp_path / "frames.parquet"
    tables.write(pa.Table.from_pylist(rows, schema=tables.FRAMES), path, tables.FRAMES)
    found = measure_floors(path)
    tables.check(found, tables.FLOORS, "floors")
    assert found["snippet"].to_pylist() == [0, 1]
    assert found["mean_brightness"].to_pylist() == pytest.approx([10, 30], abs=1)
    assert found["mean_motion"].to_pylist() == pytest.approx([0, 30], abs=1)
    assert NAMES == ("mean_brightness", "mean_motion")
