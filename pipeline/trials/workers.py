"""How many trials are trained side by side on a machine's CPUs."""

import os
from collections.abc import Sequence
from pathlib import Path

import torch

from pipeline.config import Runtime
from pipeline.engine.local import worker_count
from pipeline.features import VideoFeatures
from pipeline.trials.trial import Group

MEMORY_INFO = Path("/proc/meminfo")
COPIES = 4  # of the features in a worker: its own, those of a trial's videos, and what heads read


def workers_for(
    groups: Sequence[Group], videos: VideoFeatures, runtime: Runtime, device: torch.device
) -> int | None:
    """Worker processes for these trials; None: one a GPU, or what the nodes of Ray have room for.

    On CPUs each takes as many threads as `train.threads` of the trials says, and memory for the
    videos' features.
    """
    if device.type != "cpu" or runtime.engine == "ray":
        return None
    threads = max((group[0].variant.train.threads for group in groups), default=1)
    each = COPIES * videos.features.nbytes
    return affordable(worker_count(runtime), threads, each, free_memory())


def affordable(processors: int, threads: int, bytes_each: int, free: int | None) -> int:
    """How many workers there is room for; at least one. None: nobody knows what is free."""
    most = processors // threads
    if free is not None and bytes_each:
        most = min(most, free // bytes_each)
    return max(1, most)


def free_memory() -> int | None:
    """Bytes that processes may take without swapping; None where the system does not tell."""
    try:
        lines = MEMORY_INFO.read_text(encoding="ascii").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024  # it says kB
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
