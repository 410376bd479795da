"""The whole dataset: plan, render and encode in parallel, break two, annotate."""

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from pipeline.config import Demo
from pipeline.demo.annotations import write_annotations
from pipeline.demo.damage import break_video
from pipeline.demo.encode import write_mp4
from pipeline.demo.plan import DemoVideo, plan_videos
from pipeline.demo.scene import frame_times, frames


def generate(root: Path, settings: Demo, workers: int) -> list[DemoVideo]:
    """Write the demo dataset under ``root`` and return its plan, in listing order.

    The bytes depend on ``settings`` only.  ``workers`` processes render the
    videos (one renders in this process).  Files of an earlier run are replaced
    one by one; each appears under its name only when it is complete.
    """
    if workers < 1:
        raise ValueError(f"workers: {workers} processes cannot render; set it to 1 or more")
    root.mkdir(parents=True, exist_ok=True)
    videos = plan_videos(settings)
    # The longest first, so that no worker ends with one when the others are done.
    queue = sorted(videos, key=lambda v: -v.n_frames * v.width * v.height)
    if workers == 1:
        for video in queue:
            write_video(root, video, settings.seed)
    else:
        _write_parallel(root, queue, settings.seed, workers)
    write_annotations(root, videos)
    return videos


def write_video(root: Path, video: DemoVideo, seed: int) -> None:
    """Render, encode and, if planned, break one video."""
    path = root / video.path
    times = frame_times(video, seed)
    write_mp4(path, frames(video, seed), times, fps=video.fps, codec=video.codec)
    if video.broken is not None:
        break_video(path, video.broken)


def _write_parallel(root: Path, queue: Iterable[DemoVideo], seed: int, workers: int) -> None:
    # Spawned, not forked: the parent may hold threads of other libraries.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(write_video, root, video, seed) for video in queue]
        for job in jobs:
            job.result()
