"""Memory and time of the work store as it grows: verifying, assembling, linking, sweeping.

`python -m benchmarks.assemble [sizes ...]` makes, for each size (50, 500 and 5,000), that many
pieces of features (32 x 768) and of frames (32 small images), then measures, in a fresh process
each, the peak resident memory and the seconds of verifying the features, of verifying and
assembling them, of verifying and linking the frames, of reading the assembled table, and of
looking for leftovers of killed runs; then how memory grew.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline import pieces, tables
from pipeline.atomic import sweep

WIDTH, T, SIZES = 768, 32, (50, 500, 5000)
FEATURES = tables.feature_piece(WIDTH)


def _jobs(stage: str, count: int) -> Iterator[pieces.Job]:
    recipe = pieces.Recipe(stage, 1, {})
    return (pieces.Job(f"video{i:06}", recipe.key(str(i)), None) for i in range(count))


def _features(number: int) -> pa.Table:
    flat = np.random.default_rng(number).normal(size=T * WIDTH).astype(np.float32)
    columns = [pa.array(range(T), pa.int16()), pa.FixedSizeListArray.from_arrays(flat, WIDTH)]
    return pa.table(dict(zip(FEATURES.names, columns, strict=True)), schema=FEATURES)


def _frames(number: int) -> pa.Table:
    noise = np.random.default_rng(number)
    rows = [
        {"snippet": i, "start": i, "end": i + 1, "frame_index": [i], "image": [noise.bytes(500)]}
        for i in range(T)
    ]
    return pa.Table.from_pylist(rows, schema=tables.FRAMES)


STORES: dict[str, tuple[pa.Schema, Callable[[int], pa.Table]]] = {
    "features": (FEATURES, _features),
    "frames": (tables.FRAMES, _frames),
}


def _store(folder: Path, stage: str) -> pieces.Store:
    return pieces.Store(folder / "store", stage, STORES[stage][0])


def _verified(folder: Path, stage: str, count: int) -> list[pieces.Job]:
    jobs, store = list(_jobs(stage, count)), _store(folder, stage)
    missing = pieces.missing_keys(store, (job.key for job in jobs))
    if missing:
        raise SystemExit(f"{len(missing)} pieces of {stage} are missing below {folder}")
    return jobs


def make(folder: Path, count: int) -> None:
    """Write the pieces; without waiting for the disk, for that is not what is measured."""
    os.fsync = lambda _: None  # type: ignore[assignment]
    for stage, (_, piece) in STORES.items():
        for number, job in enumerate(_jobs(stage, count)):
            _store(folder, stage).save(job.key, piece(number))


def verify(folder: Path, count: int) -> None:
    """Verify the pieces of features."""
    _verified(folder, "features", count)


def assemble(folder: Path, count: int) -> None:
    """Verify the features and join them into a table."""
    jobs = _verified(folder, "features", count)
    pieces.assemble(jobs, _store(folder, "features"), folder / "clip.parquet")


def link(folder: Path, count: int) -> None:
    """Verify the frames and link them into a folder."""
    jobs = _verified(folder, "frames", count)
    pieces.link_each(jobs, _store(folder, "frames"), folder / "frames")


def read(folder: Path, count: int) -> None:
    """Read the assembled table: memory grows with it, but holds it once."""
    tables.read_features(folder / "clip.parquet")


def sweep_store(folder: Path, count: int) -> None:
    """Look for leftovers of killed runs."""
    sweep(folder / "store" / "features")


def nothing(folder: Path, count: int) -> None:
    """What the imports alone take."""


STEPS = {f.__name__: f for f in (nothing, make, verify, assemble, link, read, sweep_store)}


def measure(step: str, folder: Path, count: int) -> tuple[float, float]:
    """Seconds of a step, and the peak resident megabytes of the fresh process it ran in."""
    command = [sys.executable, "-m", "benchmarks.assemble", "--step", step, "--folder", str(folder)]
    done = subprocess.run([*command, str(count)], stdout=subprocess.PIPE, text=True, check=True)
    seconds, megabytes = done.stdout.split()
    return float(seconds), float(megabytes)


@contextmanager
def _printed() -> Iterator[None]:
    """Run the block and print its seconds and the process's peak memory."""
    started = time.perf_counter()
    yield
    seconds = time.perf_counter() - started
    # Linux counts kilobytes
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def report(sizes: list[int]) -> None:
    """Print a row a step and size, and the growth of memory over the sizes."""
    peaks: dict[str, list[float]] = {step: [] for step in STEPS}
    print(f"{'step':12}{'pieces':>8}{'seconds':>10}{'peak MB':>9}{'MB/s':>8}")
    for count in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for step in STEPS:
                seconds, peak = measure(step, folder, count)
                peaks[step].append(peak)
                rate = ""
                if step in ("verify", "link"):
                    stage = "frames" if step == "link" else "features"
                    n_bytes = pieces.contents(folder / "store")[stage].n_bytes
                    rate = f"{n_bytes / 1e6 / seconds:.0f}"
                print(f"{step:12}{count:8}{seconds:10.2f}{peak:9.0f}{rate:>8}", flush=True)
    print(f"\npeak memory at {sizes[-1]} pieces over that at {sizes[0]}:")
    for step, values in peaks.items():
        print(f"  {step:12}{values[-1] / values[0]:6.2f} x")


def main() -> None:
    """Print the table, or run one step of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--step", choices=STEPS, help="run this alone, in --folder, for one size")
    parser.add_argument("--folder", type=Path, default=Path())
    arguments = parser.parse_args()
    if arguments.step:
        with _printed():
            STEPS[arguments.step](arguments.folder, arguments.sizes[0])
    else:
        report(arguments.sizes)


if __name__ == "__main__":
    main()
