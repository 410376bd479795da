"""Time and memory of calls, each subject in a process of its own."""

import multiprocessing
import re
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

import torch

from pipeline.efficiency.towers import Prepared

LONGEST_S = 4.0  # a call that takes longer is measured once, and no larger one is begun
SPENT_S = 0.5  # on the repeats of a call, of which there are
FEWEST, MOST = 3, 30

Make = Callable[[torch.device], Prepared]
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def apart(make: Make, sizes: Sequence[int], device: str, threads: int) -> list[dict[str, Any]]:
    """`measure` in a fresh process, where nothing else has touched memory, threads or kernels.

    The process is a fork of a server that has imported everything and computed nothing, so that
    each begins alike and soon. What goes wrong in it is the reason in place of the numbers.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pipeline.efficiency.measuring"])
    try:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(measure, make, sizes, device, threads).result()
    except BrokenProcessPool:
        reason = "the process died (out of memory?)"
    except Exception as error:  # whatever it is, the counts and the others' times are worth having
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    return [{"at_a_time": size, "not_measured": reason} for size in sizes]


@torch.no_grad()
def measure(make: Make, sizes: Sequence[int], device: str, threads: int) -> list[dict[str, Any]]:
    """Seconds a call and peak memory, for each of `sizes` (rising) at a time.

    `seconds` is the median of `repeats` calls after warming up. `memory` is the peak in bytes,
    model included, above what the process held before the model was built: resident memory on a
    CPU (with freed blocks that the allocator keeps; None where the system does not tell),
    allocated memory on a GPU.
    """
    torch.set_num_threads(threads)
    where = torch.device(device)
    _warm_up(where)
    held = _held(where)
    prepared, entries, last = make(where), [], (0, 0.0)
    for size in sizes:
        expected = last[1] * size / last[0] if last[0] else 0.0
        if expected > LONGEST_S:
            reason = f"about {expected:.0f} s a call, by the one before"
            entries.append({"at_a_time": size, "not_measured": reason})
            continue
        times = _times(prepared(size), where)
        last = (size, statistics.median(times))
        entries.append(
            {
                "at_a_time": size,
                "seconds": last[1],
                "repeats": len(times),
                "threads": torch.get_num_threads(),
                "memory": _growth(where, held),
            }
        )
    return entries


def _times(call: Callable[[], object], device: torch.device) -> list[float]:
    """Seconds of some calls, those that warm up left out; of a long call the one that there is."""
    timed = partial(_seconds, call, device)
    for _ in range(2):
        first = timed()
        if first > LONGEST_S:
            return [first]
    count = max(FEWEST, min(MOST, int(SPENT_S / max(first, 1e-9))))
    return [timed() for _ in range(count)]


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    """Of one call, until the device has finished it."""
    _synchronise(device)
    started = time.perf_counter()
    call()
    _synchronise(device)
    return time.perf_counter() - started


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _warm_up(device: torch.device) -> None:
    """Touch once what any model makes libraries load: it is no model's own memory."""
    layer = torch.nn.TransformerEncoderLayer(64, 4, 128, activation="gelu", batch_first=True)
    video = torch.randn(1, 32, 64, device=device)
    for training in (True, False):
        layer.train(training).to(device)(video).softmax(dim=-1).sum().item()


def _held(device: torch.device) -> int | None:
    """Bytes held now; the peak counts from here."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    try:
        RESET.write_text("5")  # Linux: the peak is what is resident now
        return _resident("VmRSS")
    except (OSError, LookupError):
        return None


def _growth(device: torch.device, held: int | None) -> int | None:
    if held is None:
        return None
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) - held
    return max(0, _resident("VmHWM") - held)


def _resident(field: str) -> int:
    """A field of this process's status in bytes; raises `LookupError` where there is none."""
    found = re.search(rf"^{field}:\s+(\d+) kB$", STATUS.read_text(encoding="ascii"), re.MULTILINE)
    if found is None:
        raise LookupError(field)
    return 1024 * int(found[1])
