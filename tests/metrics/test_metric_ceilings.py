"""What 32 snippets a video can reach at best on the field's ground truth: known numbers."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline.metrics.frame import frame_metrics
from pipeline.metrics.scored import GtLength, ScoredVideo, count_frames
from pipeline.video.snippets import edges
from tests.metrics.plain_frames import ones, plain

T = 32


def perfect(path: Path) -> list[ScoredVideo]:
    """Each video's events are the runs of its array; a snippet scores the mean of its frames."""
    videos = []
    with np.load(path) as arrays:
        for name in arrays.files:
            truth = arrays[name].astype(np.int64)
            steps = np.diff(truth, prepend=0, append=0)
            runs = zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)
            events = tuple((int(start), int(end), "Anomaly") for start, end in runs)
            scores = [
                truth[start:end].mean() if start < end else 0.0
                for start, end in pairwise(edges(len(truth), T))
            ]
            shown = ("Anomaly",) if events else ()
            videos.append(ScoredVideo(name, len(truth), np.array(scores), shown, events))
    return videos


@pytest.mark.parametrize(
    ("name", "n_videos", "n_frames", "n_abnormal", "auc", "ap"),
    [
        ("ucf", 290, 1_112_032, 84_187, 0.9995, 0.9943),
        ("xd", 800, 2_330_384, 537_805, 0.9987, 0.9958),
    ],
)
def test_perfect_snippet_labels_reach_the_known_ceiling(
    shared_data: Path,
    name: str,
    n_videos: int,
    n_frames: int,
    n_abnormal: int,
    auc: float,
    ap: float,
) -> None:
    videos = perfect(shared_data / "ground_truth" / f"{name}_test_frame_gt.npz")
    frames = count_frames(videos)
    assert len(videos) == n_videos
    assert frames.positive.sum() == n_abnormal
    assert frames.positive.sum() + frames.negative.sum() == n_frames
    found = frame_metrics(videos, ones(videos))
    assert round(plain(found["frame_auc",]), 4) == auc
    assert round(plain(found["ap",]), 4) == ap


@pytest.mark.parametrize(("gt_length", "n_frames"), [("frames", 1_112_032), ("floor16", 1_109_680)])
def test_the_lengths_of_ucf_crime_that_the_field_scores(
    shared_data: Path, gt_length: GtLength, n_frames: int
) -> None:
    videos = perfect(shared_data / "ground_truth/ucf_test_frame_gt.npz")
    frames = count_frames(videos, gt_length)
    assert frames.positive.sum() + frames.negative.sum() == n_frames
