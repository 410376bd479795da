"""Workers on the nodes of a Ray cluster.

Nodes are taken to share a file system, with the repository at the same path: workers write
their pieces to the same work store, and only names and errors travel.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

from pipeline.config import Runtime
from pipeline.engine.ray_cluster import connected
from pipeline.engine.ray_crew import Crew
from pipeline.engine.stopping import on_sigterm
from pipeline.engine.work import Backlog, Outcome
from pipeline.errors import UserError


def outcomes(
    make: Callable[[], Callable[[Any], Any]],
    work: Sequence[Any],
    runtime: Runtime,
    *,
    limits: Sequence[float],
    workers: int | None,
    gpu: bool,
    label: str,
) -> Iterator[Outcome]:
    """See `pipeline.engine.run`. As many workers as asked for, or as the cluster has CPUs or GPUs.

    Work that was on a node when it was lost is done elsewhere, however often; nodes that join are
    used. Raises `FatalError` when the cluster has no node to work on for two minutes.
    """
    # Twice: Ray sets a handler of its own when it connects, and leaves it there.
    with on_sigterm(label), connected(runtime) as ray, on_sigterm(label):
        on_gpus = gpu and _has_gpus(ray, runtime.device)
        crew = Crew(
            ray,
            make,
            work,
            Backlog(limits),
            most=workers or (None if on_gpus else runtime.workers),
            lives=None if on_gpus else runtime.recycle_after,
            gpu=on_gpus,
            label=label,
        )
        with closing(crew):
            yield from crew.outcomes()


def _has_gpus(ray: Any, device: str) -> bool:
    if device == "cpu":
        return False
    found = ray.cluster_resources().get("GPU", 0) >= 1
    if device == "cuda" and not found:
        raise UserError("runtime.device is cuda, but the Ray cluster has no GPU; use auto or cpu")
    return bool(found)
