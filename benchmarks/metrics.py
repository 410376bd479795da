"""All metrics of a UCF-Crime-sized test set with 1,000 bootstrap resamples, and their growth.

`python -m benchmarks.metrics` prints the seconds, share and peak memory of each group of metrics at
290 and at 2,900 generated videos, the growth between them, and the time of scikit-learn on the
290 videos' frames, written out one by one, for the plain values of three of the metrics: that is
one resample of 1,001.
"""

import time
import tracemalloc
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from sklearn.metrics import (
    auc,
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
)

from pipeline.config import Evaluate
from pipeline.datasets.ucf_crime import CATEGORIES
from pipeline.metrics.bootstrap import resample_weights
from pipeline.metrics.evaluate import category_metrics, detection_metrics, evaluate
from pipeline.metrics.frame import frame_metrics
from pipeline.metrics.scored import Floats, ScoredVideo
from pipeline.metrics.video import false_alarm_rate, video_auc
from pipeline.video.snippets import edges

T, MEAN_FRAMES, RESAMPLES = 32, 3834, 1000  # 290 videos have about 1.11 million frames
SETTINGS = Evaluate(false_alarm_threshold=0.5, gt_length="frames", resamples=RESAMPLES)


def generate(n_videos: int, seed: int = 0) -> list[ScoredVideo]:
    """Videos as UCF-Crime's test set has them: 48 % abnormal, 13 categories, one or two events."""
    rng = np.random.default_rng(seed)
    return [_video(rng, number, abnormal=number % 25 < 12) for number in range(n_videos)]


def _video(rng: np.random.Generator, number: int, *, abnormal: bool) -> ScoredVideo:
    n_frames = int(rng.gamma(1.0, MEAN_FRAMES - 100) + 100)
    category = CATEGORIES[number % len(CATEGORIES)]
    events = []
    if abnormal:
        for start in sorted(rng.integers(0, n_frames - 20, rng.integers(1, 3)).tolist()):
            events.append((start, min(n_frames, start + 20 + n_frames // 10), category))
    cuts = edges(n_frames, T)
    inside = [any(s < end and start < e for s, e, _ in events) for start, end in pairwise(cuts)]
    scores = np.clip(rng.normal(0.4 + 0.3 * np.array(inside), 0.2), 0, 1)
    names = (category,) if abnormal else ()
    probability = rng.dirichlet(np.full(len(CATEGORIES), 0.5))
    return ScoredVideo(str(number), n_frames, scores, names, tuple(events), probability)


def parts(videos: Sequence[ScoredVideo], weights: Floats) -> dict[str, Callable[[], object]]:
    """The groups of metrics that `evaluate` consists of."""
    return {
        "frame and per-category": lambda: frame_metrics(videos, weights),
        "video AUC": lambda: video_auc(videos, weights),
        "false alarms": lambda: false_alarm_rate(videos, weights, 0.5, "frames"),
        "category": lambda: category_metrics(videos, CATEGORIES, weights),
        "mAP@IoU, both forms": lambda: detection_metrics(videos, CATEGORIES, weights),
    }


def seconds(function: Callable[[], object], repeats: int = 3) -> float:
    """The shortest of a few runs."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return min(times)


def peak_megabytes(function: Callable[[], object]) -> float:
    """The most memory held at a time, numpy's included."""
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def scikit_learn(videos: Sequence[ScoredVideo]) -> None:
    """Frame AUC and both APs, once, over all frames."""
    labels, scores = [], []
    for video in videos:
        own = np.zeros(video.n_frames)
        for start, end, _ in video.events:
            own[start:end] = 1
        labels.append(own)
        scores.append(np.repeat(video.scores, np.diff(edges(video.n_frames, T))))
    label, score = np.concatenate(labels), np.concatenate(scores)
    roc_auc_score(label, score)
    average_precision_score(label, score)
    precision, recall, _ = precision_recall_curve(label, score)
    auc(recall, precision)


def report(n_videos: int) -> float:
    """Print the table of one size; return the seconds of all metrics."""
    videos = generate(n_videos)
    abnormal = np.array([video.abnormal for video in videos])
    weights = resample_weights(abnormal, RESAMPLES)
    frames = sum(video.n_frames for video in videos)
    print(f"\n{n_videos} videos, {frames:,} frames, {1 + len(CATEGORIES)} classes,", end=" ")
    print(f"{RESAMPLES} resamples")
    total = seconds(lambda: evaluate(videos, CATEGORIES, SETTINGS, weights))
    for name, function in parts(videos, weights).items():
        took, peak = seconds(function), peak_megabytes(function)
        print(f"  {name:26} {took:8.3f} s {took / total:6.0%} {peak:8.0f} MB")
    peak = peak_megabytes(lambda: evaluate(videos, CATEGORIES, SETTINGS, weights))
    print(f"  {'all':26} {total:8.3f} s        {peak:8.0f} MB")
    return total


def main() -> None:
    """Print both sizes, the growth, and the baseline."""
    small, large = report(290), report(2900)
    print(f"\n10 times the videos take {large / small:.1f} times as long")
    baseline = seconds(lambda: scikit_learn(generate(290)))
    print(f"scikit-learn on the frames of 290 videos, three plain values: {baseline:.3f} s;")
    print(
        f"1,001 of these would take {1001 * baseline / small:.0f} times as long as all metrics here"
    )


if __name__ == "__main__":
    main()
