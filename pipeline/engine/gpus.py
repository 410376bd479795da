"""The GPUs of this machine: which there are, and one for each worker process."""

import fcntl
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from pipeline.engine.work import FatalError

VARIABLE = "CUDA_VISIBLE_DEVICES"
FREE_AGAIN_S = 60.0  # the driver may take seconds to let go of a worker that was killed


def visible_gpus(device: str) -> list[str]:
    """What `CUDA_VISIBLE_DEVICES` names each GPU that `runtime.device` allows; none: use CPUs.

    Raises `UserError` when `device` is cuda and there is no GPU.
    """
    if device == "cpu":
        return []
    import torch  # noqa: PLC0415  (a second of every program's start, for those that ask only)

    from pipeline.devices import pick_device  # noqa: PLC0415

    if pick_device(device).type != "cuda":
        return []
    return names(os.environ.get(VARIABLE), torch.cuda.device_count())


def names(visible: str | None, count: int) -> list[str]:
    """Names of the `count` GPUs that a process sees under that value of `CUDA_VISIBLE_DEVICES`.

    Numbers or UUIDs, as the value has them. Of slices of a GPU (MIG) a process only ever sees
    the first; each of those listed can have a process of its own all the same.
    """
    if visible is None:
        return [str(number) for number in range(count)]
    listed = [name.strip() for name in visible.split(",") if name.strip()]
    if listed and all(name.startswith("MIG-") for name in listed):
        return listed
    return listed[:count]  # CUDA ignores what follows a name it does not know


def claim(folder: Path, gpus: Sequence[str]) -> IO[bytes]:
    """Bind this process to one of `gpus` that no live process has; before CUDA is initialised.

    The claim is a lock on a file of `folder`, which the kernel lifts when the process ends, however
    it ends. It holds as long as the returned file is open. Raises `FatalError` when all stay taken.
    """
    deadline = time.monotonic() + FREE_AGAIN_S
    while True:
        for number, name in enumerate(gpus):
            lock = (folder / f"{number}.lock").open("wb")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
            else:
                os.environ[VARIABLE] = name
                return lock
        if time.monotonic() > deadline:
            raise FatalError(
                f"a new worker found no free GPU among {', '.join(gpus)} for {FREE_AGAIN_S:g} s: "
                "earlier workers do not die (nvidia-smi shows them); end them, then run again"
            )
        time.sleep(0.1)
