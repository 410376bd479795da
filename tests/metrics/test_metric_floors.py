"""Untrained floors: measured per snippet, judged in their better direction."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from pipeline import tables
from pipeline.config import Evaluate
from pipeline.metrics.floors import NAMES, better_direction, measure_floors
from pipeline.metrics.frame import frame_metrics
from pipeline.metrics.scored import ScoredVideo, Undefined
from pipeline.metrics.values import Name, Values
from pipeline.metrics.video import video_auc
from tests.metrics.plain_frames import make_video, ones, plain, reason

SETTINGS = Evaluate(false_alarm_threshold=0.5, gt_length="frames", resamples=0)


def videos(*scores: list[float]) -> list[ScoredVideo]:
    """Videos of as many frames as snippets; the second frame of the odd ones is abnormal."""
    return [
        make_video(str(i), len(s), s, *([(1, 2)] if i % 2 else [])) for i, s in enumerate(scores)
    ]


def judged(of: list[ScoredVideo], **changes: Any) -> dict[Name, Values]:
    return better_direction(of, SETTINGS.model_copy(update=changes), ones(of))


def test_the_better_of_scores_and_their_negatives() -> None:
    up = videos([1, 2, 3], [1, 9, 3])
    down = videos([-1, -2, -3], [-1, -9, -3])
    expected = frame_metrics(up, ones(up)) | {("video_auc",): video_auc(up, ones(up))}
    assert plain(expected["frame_auc",]) == 1.0
    assert judged(up) == judged(down) == expected


def test_direction_is_chosen_by_frame_auc_alone() -> None:
    found = judged(videos([5, 1, 0], [0, 4, 0], [6, 1, 0], [0, 4, 0]))
    # Abnormal frames 4, 4 against 5, 1, 0, 6, 1, 0 and four zeros: 8 of 10 beaten.
    assert plain(found["frame_auc",]) == 0.8
    # Bags 4, 4 against 5, 6; their negatives would all tie at 0 and give 0.5.
    assert plain(found["video_auc",]) == 0.0


def test_direction_is_chosen_by_video_auc_where_no_event_is_known() -> None:
    unmarked = make_video("u", 3, [0, 1, 0], categories=["Fire"])
    found = judged([unmarked, make_video("n", 3, [5, 5, 5])])
    assert isinstance(found["frame_auc",], Undefined)
    assert plain(found["video_auc",]) == 1.0  # of the negatives


def test_resamples_are_those_of_the_better_direction() -> None:
    down = videos([-1, -2, -3], [-1, -9, -3], [-4, -4, -20])
    weights = np.array([[1.0, 1.0, 1.0], [2.0, 1.0, 0.0]])
    found = better_direction(down, SETTINGS, weights)["frame_auc",]
    # 9 against 1, 2, 3, 1, 3 and 4, 4, 20; the third video left out, nothing is above 9
    assert np.array(found) == pytest.approx(np.array([7 / 8, 1.0]))


def test_floors_are_judged_at_the_settings_length() -> None:
    long = make_video("a", 40, [9, 0, 0, 0, 5], (33, 40))
    normal = make_video("n", 40, [1])
    assert plain(judged([long, normal])["frame_auc",]) > 0.5
    found = judged([long, normal], gt_length="floor16")["frame_auc",]
    assert reason(found) == "frames with ground truth: all normal"


def test_undefined_in_both_directions_stays_undefined() -> None:
    found = judged(videos([1.0, 2.0]))
    assert reason(found["frame_auc",]) == "frames with ground truth: all normal"
    assert reason(found["video_auc",]) == "test videos: all normal"


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
