"""Several seeds of a head: stacked, one after another, and in processes side by side.

`python -m benchmarks.seeds` trains S = 1, 3 and 5 seeds of both heads of `params.yaml` for a few
epochs at two sizes, on generated features: the demo's (54 videos, width 64) and UCF-Crime's
(D = 1536, width 512, one batch an epoch). The three ways take turns; each time is a ratio to one
seed alone in the same round. A process has its seed's features already and trains on one thread.
"""

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from pipeline.config import Features, Params, load
from pipeline.models import registry
from pipeline.models.head import FeatureLayout, Head, Targets
from pipeline.training import fit, fit_stacked

PARAMS = Path(__file__).resolve().parents[1] / "params.yaml"
CATEGORIES = [f"category {number}" for number in range(6)]


@dataclass(frozen=True)
class Size:
    """Videos, width of each of two modalities, of the head; and epochs that are timed."""

    name: str
    videos: int
    modality: int
    width: int
    batch: int
    epochs: int


SIZES = [Size("demo", 54, 256, 64, 32, 10), Size("UCF-Crime", 64, 768, 512, 64, 2)]


class Bench:
    """One head at one size; trains any seeds, in any of the ways."""

    def __init__(self, name: str, size: Size, params: Params, device: torch.device) -> None:
        settings = getattr(params.heads, name).model_copy(update={"width": size.width})
        widths = {"image": size.modality, "text": size.modality}
        features = Features(modalities=["image", "text"], center=True, normalise="l2")
        self.build: Callable[[], Head] = lambda: registry.build(
            name, FeatureLayout(widths, CATEGORIES, 32), features, settings
        )
        self.train = params.train.model_copy(
            update={"epochs": size.epochs, "batch_size": size.batch, "patience": None}
        )
        self.device = device
        generator = torch.Generator().manual_seed(0)
        self.features = torch.randn(size.videos, 32, 2 * size.modality, generator=generator)
        videos = torch.arange(size.videos)
        labels = torch.eye(6)[videos // 2 % 6] * (videos % 2)[:, None]
        self.targets = Targets.of(labels)

    def _head(self, seed: int) -> Head:
        torch.manual_seed(seed)
        return self.build()

    def alone(self, seed: int) -> None:
        """One seed, by `fit`."""
        shared = self.features, self.targets, self.train
        fit(self._head(seed), *shared, seed=seed, device=self.device)

    def in_turn(self, count: int) -> None:
        """One after another."""
        for seed in range(count):
            self.alone(seed)

    def stacked(self, count: int) -> None:
        """All at once, by `fit_stacked`."""
        heads = [self._head(seed) for seed in range(count)]
        shared = self.features, self.targets, self.train
        fit_stacked(heads, *shared, seeds=range(count), device=self.device)


_own: list[Bench] = []


def _prepare(name: str, size: Size, params: Params, device: str) -> None:
    torch.set_num_threads(1)
    _own.append(Bench(name, size, params, torch.device(device)))
    _own[0].alone(0)  # what is slow the first time


def _train(seed: int) -> None:
    _own[0].alone(seed)


def _side_by_side(pool: ProcessPoolExecutor, count: int) -> None:
    list(pool.map(_train, range(count)))


def seconds(call: Callable[[], None], device: str) -> float:
    """Of one call, the GPU's work included."""
    started = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def report(name: str, size: Size, params: Params, asked: argparse.Namespace) -> None:
    """Print a line for each number of seeds."""
    bench = Bench(name, size, params, torch.device(asked.device))
    workers = min(max(asked.seeds), asked.processes)
    with ProcessPoolExecutor(
        workers,
        multiprocessing.get_context("spawn"),
        initializer=_prepare,
        initargs=(name, size, params, asked.device),
    ) as pool:
        _side_by_side(pool, 3 * workers)  # all of them are up
        for count in asked.seeds:
            ways: list[Callable[[], None]] = [
                lambda: bench.alone(0),
                lambda count=count: bench.in_turn(count),  # type: ignore[misc]
                lambda count=count: bench.stacked(count),  # type: ignore[misc]
                lambda count=count: _side_by_side(pool, count),  # type: ignore[misc]
            ]
            rounds = [[seconds(way, asked.device) for way in ways] for _ in range(asked.repeat + 1)]
            one = statistics.median(own[0] for own in rounds[1:])
            in_turn, stacked, side = (
                statistics.median(own[way] / own[0] for own in rounds[1:]) for way in (1, 2, 3)
            )
            print(
                f"{size.name:9} {name:9} S={count}: one {1e3 * one:7.0f} ms; in turn "
                f"{in_turn:.2f}, stacked {stacked:.2f}, {workers} processes {side:.2f}",
                flush=True,
            )


def main() -> None:
    """Print all sizes and heads."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 3, 5])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--head", nargs="*", default=["refinevad", "base"])
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    params = load(PARAMS)
    print(f"{asked.device}, {asked.threads} threads; load {os.getloadavg()[0]:.1f}; ratios to one")
    for size in SIZES:
        for name in asked.head:
            report(name, size, params, asked)


if __name__ == "__main__":
    main()
