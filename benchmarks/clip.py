"""The image encoder from frames on disk to features in a store, against the bare model.

`python -m benchmarks.clip` prints images a second end to end (through `ImageEncoder`, as a worker
of the stage runs it: pieces of 320x240 JPEGs of quality 90 read from disk, features saved) and
of `encode_image` alone on a prepared batch that lies in memory: same process, threads, batch
size and precision. The two take turns, so that a busy machine slows both; the share is the median
of the turns. On a CPU it also prints the share in seconds of CPU time, which is what counts when
every core has a worker and which others on the machine hardly disturb. With `--workers` as many
processes do each at the same time.
"""

import argparse
import io
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from PIL import Image

from pipeline import pieces, tables
from pipeline.config import Clip
from pipeline.devices import TOGETHER_ON_A_GPU
from pipeline.encoders import clip
from pipeline.encoders.frames import decode_run, read_frames
from pipeline.encoders.images import ImageEncoder
from pipeline.encoders.precision import DTYPES

WIDTH, HEIGHT, QUALITY, PER_SNIPPET = 320, 240, 90, 8


@dataclass(frozen=True)
class Turns:
    """What one worker measured: seconds a turn, in the order of the turns."""

    bare: list[tuple[float, float]]  # of the clock, of CPU time
    whole: list[tuple[float, float]]
    shape: tuple[int, ...]  # of a video's features
    steps: dict[str, float]  # milliseconds an image
    decoders: int
    on_cpu: bool
    peak_mb: float


def write_frames(path: Path, n_snippets: int, seed: int) -> None:
    """A frames piece of noisy pictures, of about 30 KB each."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT)), np.float32)
    rows = []
    for snippet in range(n_snippets):
        numbers = list(range(snippet * PER_SNIPPET, (snippet + 1) * PER_SNIPPET))
        noisy = [smooth + rng.normal(0, 6, smooth.shape) for _ in numbers]
        images = [_jpeg(picture.clip(0, 255).astype(np.uint8)) for picture in noisy]
        rows.append((snippet, numbers[0], numbers[-1] + 1, numbers, images))
    columns = [list(column) for column in zip(*rows, strict=True)]
    tables.write(pa.table(columns, schema=tables.FRAMES), path, tables.FRAMES, {"key": path.stem})


def _jpeg(picture: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def seconds(function: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """How long one call takes, the device's work included: by the clock, and in CPU time."""
    started, used = time.perf_counter(), time.process_time()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started, time.process_time() - used


def steps(encoder: ImageEncoder, path: Path, batch: torch.Tensor) -> dict[str, float]:
    """Milliseconds an image of each step alone, one after another."""
    frames = read_frames(0, path)
    runs = decode_run(frames, 0, pinned=False)  # type: ignore[arg-type]
    pixels = runs[0].values.to(encoder.device)  # type: ignore[union-attr]
    alone: dict[str, tuple[Callable[[], object], int]] = {
        "read": (lambda: read_frames(0, path), len(frames.jpegs)),  # type: ignore[union-attr]
        "decode": (lambda: decode_run(frames, 0, pinned=False), len(pixels)),  # type: ignore[arg-type]
        "prepare": (lambda: encoder.tower.prepare([pixels]), len(pixels)),
        "encode": (lambda: encoder.tower.encode(batch), len(batch)),
    }
    with torch.no_grad():
        return {
            name: 1e3 * min(seconds(function, encoder.device)[0] for _ in range(3)) / n
            for name, (function, n) in alone.items()
        }


def measure(arguments: argparse.Namespace, paths: Sequence[Path], together: Barrier) -> Turns:
    """One worker's turns over `paths`, begun at the same time as the other workers'."""
    settings = Clip(model=arguments.model, pretrained="random", precision=arguments.precision)
    encoder = ImageEncoder(
        settings,
        device=arguments.device,
        batch_size=arguments.batch_size,
        compiling=arguments.compile,
    )
    schema = tables.feature_piece(clip.feature_width(settings))
    n_images = len(paths) * arguments.snippets * PER_SNIPPET
    size, side = encoder.tower.batch_size, encoder.preprocess.size
    batch = torch.randn((size, 3, side, side), device=encoder.device).to(encoder.dtype)
    videos = 1 if encoder.device.type == "cpu" else TOGETHER_ON_A_GPU
    shapes = []

    def bare() -> None:
        with torch.no_grad():
            for start in range(0, n_images, size):
                encoder.tower.encode(batch[: n_images - start])

    def whole() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = pieces.Store(Path(folder), "clip", schema)
            for start in range(0, len(paths), videos):
                for position, piece in encoder(paths[start : start + videos]):
                    if isinstance(piece, Exception):
                        raise piece
                    store.save(paths[start + position].stem, piece)
                    shapes.append((piece.num_rows, piece.schema.field("feature").type.list_size))

    turns: dict[Callable[[], None], list[tuple[float, float]]] = {bare: [], whole: []}
    alone = steps(encoder, paths[0], batch)
    for _ in range(arguments.turns):
        for function, taken in turns.items():
            together.wait()
            taken.append(seconds(function, encoder.device))
    on_cpu = encoder.device.type == "cpu"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return Turns(turns[bare], turns[whole], shapes[0], alone, encoder.decoders, on_cpu, peak)


def _worker(
    arguments: argparse.Namespace, paths: Sequence[Path], together: Barrier, answers: Any
) -> None:
    answers.put(measure(arguments, paths, together))


def run_workers(arguments: argparse.Namespace, folder: Path) -> list[Turns]:
    """Each worker's turns, over videos of its own."""
    for number in range(arguments.workers * arguments.videos):
        write_frames(folder / f"{number:08}.parquet", arguments.snippets, number)
    paths = sorted(folder.iterdir())
    context = multiprocessing.get_context("spawn")
    together, answers = context.Barrier(arguments.workers), context.SimpleQueue()
    workers = [
        context.Process(
            target=_worker,
            args=(arguments, paths[number :: arguments.workers], together, answers),
            daemon=True,
        )
        for number in range(arguments.workers)
    ]
    for worker in workers:
        worker.start()
    return [answers.get() for _ in workers]


def report(arguments: argparse.Namespace, workers: Sequence[Turns]) -> None:
    """Print the rates, the share, and what limits it."""
    images = arguments.workers * arguments.videos * arguments.snippets * PER_SNIPPET
    # A turn lasts until the slowest worker is done.
    bare = [images / max(turn)[0] for turn in zip(*(w.bare for w in workers), strict=True)]
    whole = [images / max(turn)[0] for turn in zip(*(w.whole for w in workers), strict=True)]
    shares = [w / b for w, b in zip(whole, bare, strict=True)]
    print(f"{images} images a turn, features of a video: {workers[0].shape}")
    print(f"bare encode_image: {statistics.median(bare):9.1f} images/s")
    print(f"end to end:        {statistics.median(whole):9.1f} images/s")
    print(f"share:             {statistics.median(shares):9.1%}", end=" ")
    print("(turns: " + ", ".join(f"{share:.1%}" for share in shares) + ")")
    if workers[0].on_cpu:
        used = [
            b[1] / w[1]
            for worker in workers
            for b, w in zip(worker.bare, worker.whole, strict=True)
        ]
        print(f"share of CPU time: {statistics.median(used):9.1%}", end=" ")
        print("(turns: " + ", ".join(f"{share:.1%}" for share in used) + ")")
    print(f"peak memory of a worker: {max(w.peak_mb for w in workers):,.0f} MB")
    alone = workers[0].steps
    print("alone, ms an image: " + ", ".join(f"{k} {v:.3f}" for k, v in alone.items()))
    ready = workers[0].decoders / (alone["read"] + alone["decode"])
    print(limit(alone, ready, on_cpu=workers[0].on_cpu))


def limit(alone: dict[str, float], ready: float, *, on_cpu: bool) -> str:
    """What to blame. `ready` is images a millisecond that the decoding threads could give."""
    if on_cpu:
        others = sum(alone.values()) - alone["encode"]
        share = others / sum(alone.values())
        return f"limit: the cores; all steps but the encoder's take {share:.1%} of their time"
    return (
        f"limit: decoding threads could give {1e3 * ready:.0f} images/s, "
        f"preparing and encoding {1e3 / (alone['prepare'] + alone['encode']):.0f}"
    )


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ViT-B-32")
    parser.add_argument("--precision", default="fp32", choices=sorted(DTYPES))
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--videos", type=int, default=4, help="of each worker")
    parser.add_argument("--snippets", type=int, default=8, help=f"of {PER_SNIPPET} frames each")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {vars(arguments)}")
    with tempfile.TemporaryDirectory() as folder:
        report(arguments, run_workers(arguments, Path(folder)))


if __name__ == "__main__":
    main()
