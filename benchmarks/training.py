"""A training step beside its own matrix products, and the time of a whole run.

`python -m benchmarks.training` trains both heads of `params.yaml`, at width 512, on generated
features (B = 64, T = 32; D = 768 + 768 and D = 4096). The floor is measured: the matrix products
that one real step calls, forward and backward, are recorded with shapes and layout, and run again
on tensors of their own, bare. Step and floor take turns; medians are printed, and their ratio. On
a busy machine `--threads 1 --cpu-time` counts the seconds of this process alone. Then the time of
30 epochs on 1,610 videos (UCF-Crime: 800 normal, 810 anomalous): steps measured here times steps
needed, or run from end to end with `--full`.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from pipeline.config import Features, Params, Train, load
from pipeline.datasets.ucf_crime import CATEGORIES
from pipeline.models import registry
from pipeline.models.head import FeatureLayout, Head, Targets
from pipeline.training import balanced_batches, fit, prepare
from pipeline.training.fitting import make_optimiser, step

BATCH, T, WIDTH, N_NORMAL, N_ABNORMAL, EPOCHS = 64, 32, 512, 800, 810, 30
SIZES = {"D=1536": {"image": 768, "text": 768}, "D=4096": {"image": 4096}}
PRODUCTS = {"mm": (0, 1), "addmm": (1, 2), "bmm": (0, 1), "baddbmm": (1, 2)}
PARAMS = Path(__file__).resolve().parents[1] / "params.yaml"


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the operands, by shape and layout, of every matrix product that is called.

    Fused attention counts as the products that it consists of: two forward, four backward.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.products: list[tuple[Tensor, Tensor]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name in PRODUCTS:
            one, two = (args[position] for position in PRODUCTS[name])
            self.products.append((_like(one), _like(two)))
        elif "scaled_dot_product" in name:
            backward = "backward" in name
            query, key, value = args[1:4] if backward else args[:3]
            pairs = [(query, key.mT), (query @ key.mT, value)]
            self.products += [(_flat(one), _flat(two)) for one, two in pairs * (1 + backward)]
        return func(*args, **(kwargs or {}))

    @property
    def flops(self) -> int:
        """A multiplication and an addition are two."""
        return sum(2 * one.numel() * two.shape[-1] for one, two in self.products)


def _like(operand: Tensor) -> Tensor:
    """Random values in the same shape; transposed in memory where the operand is."""
    turned = operand.stride(-1) != 1 and operand.stride(-2) == 1
    shape = operand.mT.shape if turned else operand.shape
    values = torch.randn(shape, dtype=operand.dtype, device=operand.device)
    return values.mT if turned else values


def _flat(operand: Tensor) -> Tensor:
    """(B, heads, T, d) as a batch of matrices."""
    return _like(operand.flatten(0, 1))


@dataclass
class Case:
    """A head about to train, and what it trains on."""

    name: str
    head: Head
    features: Tensor
    targets: Targets
    train: Train


def case(
    name: str, size: str, params: Params, device: torch.device, n_normal: int, n_abnormal: int
) -> Case:
    """A head of `params.yaml` at width 512, and generated videos, each of one category or none."""
    layout = FeatureLayout(SIZES[size], CATEGORIES, T)
    settings = getattr(params.heads, name).model_copy(update={"width": WIDTH})
    features = Features.model_validate(
        {"modalities": list(SIZES[size]), "center": True, "normalise": "l2"}
    )
    n_videos = n_normal + n_abnormal
    labels = torch.zeros(n_videos, len(CATEGORIES))
    abnormal = torch.arange(n_abnormal)
    labels[n_normal + abnormal, abnormal % len(CATEGORIES)] = 1
    torch.manual_seed(0)
    head = registry.build(name, layout, features, settings)
    train = params.train.model_copy(update={"batch_size": BATCH, "epochs": EPOCHS})
    values = torch.randn(n_videos, T, layout.width)
    return Case(f"{name:9} {size}", head.to(device), values, Targets.of(labels), train)


def stepper(own: Case, device: torch.device) -> Callable[[], object]:
    """One training step on the next batch, as `fit` takes it."""
    own.head.fit_statistics(own.features.to(device), own.targets.to(device))
    inputs, targets = prepare(own.head, own.features, device), own.targets.to(device)
    optimiser = make_optimiser(own.head.parameters(), own.train)
    generator = torch.Generator().manual_seed(0)
    batches = balanced_batches(own.targets.abnormal, BATCH, generator).to(device)
    own.head.train()
    turn = iter(range(10**9))

    def call() -> object:
        batch = batches[next(turn) % len(batches)]
        return step(own.head, inputs, targets, batch, optimiser, own.train.clip_grad_norm)

    return call


def floor(products: Sequence[tuple[Tensor, Tensor]]) -> Callable[[], object]:
    """The bare products, each into a tensor of its own."""
    ready = [(one, two, one @ two) for one, two in products]

    def call() -> object:
        for one, two, out in ready:
            torch.matmul(one, two, out=out)
        return ready

    return call


def interleaved(
    calls: Sequence[Callable[[], object]],
    device: torch.device,
    repeat: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Median seconds of each; they take turns, so that a busy machine is busy for all."""
    times: list[list[float]] = [[] for _ in calls]
    for number in range(repeat + 3):
        for own, call in zip(times, calls, strict=True):
            started = clock()
            call()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if number >= 3:
                own.append(clock() - started)
    return [statistics.median(own) for own in times]


def compare(
    own: Case, device: torch.device, repeat: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Print step against floor; return the seconds of a step."""
    call = stepper(own, device)
    call()  # optimiser state, lazy initialisation
    with Recorder() as recorder:
        call()
    bare = floor(recorder.products)
    took, lowest = interleaved([call, bare], device, repeat, clock)
    print(
        f"{own.name}: step {1e3 * took:7.1f} ms, {len(recorder.products)} products "
        f"{1e3 * lowest:7.1f} ms, ratio {took / lowest:.2f}; {recorder.flops / 1e9:5.1f} GFLOP, "
        f"{recorder.flops / 1e9 / took:.0f} GFLOP/s (bare {recorder.flops / 1e9 / lowest:.0f})"
    )
    return took


def whole(own: Case, device: torch.device, epochs: int) -> float:
    """Seconds that `fit` takes for some epochs, everything included."""
    started = time.perf_counter()
    train = own.train.model_copy(update={"epochs": epochs})
    fit(own.head, own.features, own.targets, train, seed=0, device=device)
    return time.perf_counter() - started


def main() -> None:
    """Print all cases."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--cpu-time", action="store_true", help="of this process, not the clock's")
    parser.add_argument("--full", action="store_true", help="really train 30 epochs")
    parser.add_argument("--head", nargs="*", default=["refinevad", "base"])
    parser.add_argument("--size", nargs="*", default=list(SIZES), choices=list(SIZES))
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    device, params = torch.device(asked.device), load(PARAMS)
    where = torch.cuda.get_device_name() if asked.device == "cuda" else f"{asked.threads} threads"
    print(f"B={BATCH}, T={T}, width {WIDTH}; {where}; load {os.getloadavg()[0]:.1f}")
    clock = time.process_time if asked.cpu_time else time.perf_counter
    steps = EPOCHS * -(-N_ABNORMAL // (BATCH // 2))
    for size in asked.size:
        for name in asked.head:
            videos = (N_NORMAL, N_ABNORMAL) if asked.full else (BATCH, BATCH)
            own = case(name, size, params, device, *videos)
            if asked.full:
                took = whole(own, device, EPOCHS)
                print(f"{own.name}: {EPOCHS} epochs ({steps} steps), run in full: {took:.0f} s")
            else:
                took = compare(own, device, asked.repeat, clock)
                print(f"    {EPOCHS} epochs: {steps} steps, by multiplication {steps * took:.0f} s")


if __name__ == "__main__":
    main()
