"""Run one function over many videos in killable worker processes.

Each worker builds its function once (loading a model, say) and then takes one piece of work
after another: a video, or a batch of them. Work that raises, hangs past its time limit or kills
its worker (twice: it is tried once more) becomes an `Outcome` with an error; the rest goes on.

`runtime.engine` says where the workers run. `local`: processes of this machine, one a CPU or, for
a function that computes on GPUs, one a visible GPU. `ray`: actors of a Ray cluster (`RAY_ADDRESS`)
or of a Ray that is started for the run, one a CPU or GPU; a node may be lost while they work.
Either way the same function sees the same videos, so the pieces are the same bytes.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from tqdm import tqdm

from pipeline.config import Runtime
from pipeline.engine import local, on_ray
from pipeline.engine.gpus import visible_gpus
from pipeline.engine.work import FatalError, Outcome, SpoiledError, first_line

__all__ = ["FatalError", "Outcome", "SpoiledError", "first_line", "run"]


def one(_: Any) -> int:
    """The size of work that is one video."""
    return 1


def run(
    make: Callable[[], Callable[[Any], Any]],
    work: Sequence[Any],
    runtime: Runtime,
    *,
    label: str,
    size: Callable[[Any], int] = one,
    workers: int | None = None,
    gpu: bool = False,
    unit: str = "video",
) -> Iterator[Outcome]:
    """Yield an `Outcome` for every element of `work`, in order of completion.

    `make` is pickled, called once in each worker, and returns the function that is called
    with one element; `size` is how many videos that is, each of which may take
    `runtime.timeout_s`; `unit` is what the progress bar counts. `gpu`: the function computes on
    a GPU where `runtime.device` allows, and workers are one a GPU then. Raises `FatalError` when a
    worker cannot be set up or says so, and `SystemExit` on SIGTERM.
    """
    if not work:
        return
    limits = [runtime.timeout_s * size(element) for element in work]
    if runtime.engine == "ray":
        start = partial(on_ray.outcomes, gpu=gpu)
    else:
        start = partial(local.outcomes, gpus=visible_gpus(runtime.device) if gpu else [])
    outcomes = start(make, work, runtime, limits=limits, workers=workers, label=label)
    with tqdm(total=sum(map(size, work)), desc=label, unit=unit, disable=None) as bar:
        for outcome in outcomes:
            bar.update(size(work[outcome.index]))
            yield outcome
