"""Sampling a video's frames as JPEG: the stage's way beside those commonly used.

`python -m benchmarks.decode` measures, on generated videos, the stage's own function (`ours`), the
same with every frame decoded in order (`decoder: pyav`), decord, an OpenCV loop, and ffmpeg
decoding to nothing; each with one thread. `--parallel N` measures instead how N videos
keep all CPUs busy. Needs requirements-bench.txt.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from itertools import cycle, islice, product
from pathlib import Path
from typing import NamedTuple

from benchmarks.readers import NULL, OURS, READERS, Measured, Task, cpu_seconds, measure
from benchmarks.videos import FORMATS, GOPS, Recording, prepare
from pipeline import config, pieces, tables
from pipeline.config import Decode, Runtime
from pipeline.digests import sha256_of
from pipeline.errors import UserError
from pipeline.video.decode import Request, Sampler
from pipeline.video.reading import survey

SHORT = Recording(FORMATS[0], 1, GOPS[0])  # what each process reads before it is measured
LONG = 5  # minutes from which on a video counts for the speed-up over OpenCV
Cell = dict[str, list[Measured]]  # measurements by reader


def recordings(minutes: Sequence[int]) -> list[Recording]:
    """All formats and groups of pictures, in these lengths."""
    return [Recording(form, length, gop) for length, form, gop in product(minutes, FORMATS, GOPS)]


def request(recording: Recording, folder: Path) -> Request:
    """The video, written if it is not there; hashing it also brings it into the page cache.

    It is read in the way that stage `manifest` finds for it; finding it is that stage's time.
    """
    path = prepare(recording, folder)
    found = survey(path, "auto", salvage=False)
    if found.n_frames != recording.n_frames:
        raise UserError(f"{path} is not whole; remove it, and it will be written again")
    return Request(path, sha256_of(path), found.n_frames, found.way)


def compare(
    recording: Recording, folder: Path, settings: Decode, frames: Sequence[int], repeat: int
) -> dict[int, Cell]:
    """Measurements by frames per snippet; the readers take turns, so that drift hits all alike.

    ffmpeg makes no pictures: it is measured once a round, for all.
    """
    video, short = request(recording, folder), request(SHORT, folder)
    cells: dict[int, Cell] = {count: {name: [] for name in READERS} for count in frames}
    for _ in range(repeat):
        null = measure(NULL, Task(settings, video, recording.segment_frames, short))
        for count, name in product(frames, READERS):
            # A copy is not validated: the pipeline's own settings allow no single frame.
            wanted = settings.model_copy(update={"frames_per_snippet": count})
            task = Task(wanted, video, recording.segment_frames, short)
            cells[count][name].append(null if name == NULL else measure(name, task))
    return cells


class Ratios(NamedTuple):
    """Of the fewest CPU seconds: ours over the best other's and the floor's, OpenCV's over ours."""

    to_best: float
    to_floor: float
    speed_up: float


def ratios(cell: Cell) -> Ratios:
    """The others that make pictures too are decord and OpenCV; the floor makes none."""
    least = {name: min(taken.cpu for taken in runs) for name, runs in cell.items()}
    ours, best = least[OURS], min(least["decord"], least["OpenCV"])
    return Ratios(ours / best, ours / least[NULL], least["OpenCV"] / ours)


def print_cell(recording: Recording, count: int, cell: Cell) -> None:
    """Two lines: CPU and wall seconds of each reader, least and median, and the ratios."""
    for title, kind in ((f"{recording!s:24} {count:2}", "cpu"), (" " * 27, "wall")):
        print(f"{title} {kind:4}", end="")
        for runs in cell.values():
            taken = [getattr(run, kind) for run in runs]
            print(f" {min(taken):7.2f} {statistics.median(taken):6.2f}", end="")
        if kind == "cpu":
            print(" {:9.2f} {:9.2f} {:11.1f}".format(*ratios(cell)), end="")
        print()
    for name, runs in cell.items():
        if wrong := max(run.n_wrong for run in runs):
            print(f"{'':28}{name}: {wrong} of {runs[0].n_pictures} pictures are of another frame")


def run(folder: Path, minutes: Sequence[int], frames: Sequence[int], repeat: int) -> None:
    """Print the table and what it comes to."""
    settings = config.load(Path("params.yaml")).decode
    print(f"Seconds of one video, {settings.snippets} snippets of K frames: least and median of")
    print(f"{repeat}. Ratios of CPU seconds; `best`: of decord and OpenCV; `null`: {NULL},")
    print("which decodes every frame and makes no picture.")
    print(f"{'video':25}{'K':>2}     ", end="")
    print("".join(f"{name:>15}" for name in READERS), "ours/best ours/null OpenCV/ours")
    found: list[tuple[Recording, Ratios]] = []
    for recording in recordings(minutes):
        for count, cell in compare(recording, folder, settings, frames, repeat).items():
            print_cell(recording, count, cell)
            found.append((recording, ratios(cell)))
    print(f"\nat worst: ours/best {max(each.to_best for _, each in found):.2f},", end=" ")
    print(f"ours/null {max(each.to_floor for _, each in found):.2f}")
    long = [each for recording, each in found if recording.minutes >= LONG]
    if long:
        print(
            f"from {LONG} minutes on: ours/best {max(each.to_best for each in long):.2f},", end=" "
        )
        print(f"ours/null {max(each.to_floor for each in long):.2f} at worst;", end=" ")
        faster = [each.speed_up for each in long]
        print(f"OpenCV/ours median {statistics.median(faster):.1f}, least {min(faster):.1f}")


def run_parallel(folder: Path, n_videos: int) -> None:
    """Print the rate of the stage's own way with one worker and with one a CPU."""
    params = config.load(Path("params.yaml"))
    videos = [request(recording, folder) for recording in recordings([LONG])]
    cores = len(os.sched_getaffinity(0))
    print(f"{n_videos} videos of {LONG} minutes, {params.decode.frames_per_snippet} frames", end="")
    print(" a snippet; worker processes started and ended within the time")
    rates = []
    for workers in (1, cores):
        cpu, wall = cpu_seconds(), time.perf_counter()
        decode_all(list(islice(cycle(videos), n_videos)), params.decode, params.runtime, workers)
        cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
        rates.append(n_videos / wall)
        print(
            f"{workers:3} workers {rates[-1]:7.2f} videos/s {rates[-1] / rates[0]:6.2f} times,",
            end="",
        )
        print(f" {cpu / (wall * workers):5.0%} of {workers} CPUs busy")


def decode_all(
    videos: Sequence[Request], settings: Decode, runtime: Runtime, workers: int
) -> pieces.Computed:
    """What stage `decode` does with these videos, into a store of its own; each counts anew."""
    with tempfile.TemporaryDirectory() as folder:
        store = pieces.Store(Path(folder), "decode", tables.FRAMES)
        recipe = pieces.Recipe("decode", 0, {})
        jobs = [
            pieces.Job(str(number), recipe.key(str(number)), video)
            for number, video in enumerate(videos)
        ]
        make = partial(Sampler, settings)
        return pieces.compute(jobs, make, store, runtime, workers=workers)


def main() -> None:
    """Read the arguments and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.decode",
        description=__doc__,
        epilog="On two idle cores the default run takes 30 to 60 minutes and 350 MB of disk.",
    )
    add = parser.add_argument
    add(
        "--videos", type=Path, default=Path("data/.benchmarks/decode"), help="where videos are kept"
    )
    add("--minutes", type=int, nargs="+", default=[1, 5, 30], help="lengths of the videos")
    add("--frames", type=int, nargs="+", default=[1, 8, 16], help="frames per snippet, K")
    add("--repeat", type=int, default=3, help="measurements of each")
    add("--quick", action="store_true", help="1 and 5 minutes, K = 8, once: under two minutes")
    add("--parallel", type=int, metavar="N", help="the rate of N videos on all CPUs instead")
    arguments = parser.parse_args()
    try:
        if arguments.parallel:
            run_parallel(arguments.videos, arguments.parallel)
        elif arguments.quick:
            run(arguments.videos, [1, 5], [8], 1)
        else:
            run(arguments.videos, arguments.minutes, arguments.frames, arguments.repeat)
    except UserError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
