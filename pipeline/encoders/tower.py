"""An encoder at work: batches go to the device, embeddings come back."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch

from pipeline.encoders.batching import Failure, Floats, Run, batches
from pipeline.encoders.memory import out_of_memory
from pipeline.engine import SpoiledError
from pipeline.errors import UserError

# Images a batch on a CPU, whatever `runtime.batch_size`: matrix products of other shapes differ in
# their last bits.
CPU_BATCH = 32

# How far a component of a unit embedding in fp32 may lie from that of another batch size.
BATCH_TOLERANCE = 1e-5

NOT_FINITE = "the encoder gave what is no number (overflow?); choose precision bf16 or fp32"

Prepare = Callable[[list[torch.Tensor]], torch.Tensor]
Encode = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Embedded:
    """A batch under way, or what it failed of; `ready` is set where the device is asynchronous."""

    runs: Sequence[Run]
    found: torch.Tensor | Exception  # (sum of the runs' rows, D) float32, on the host
    ready: torch.cuda.Event | None = None

    def results(self) -> Iterator[tuple[Run, Floats | Exception]]:
        """See `batching.Started`."""
        if self.ready is not None:
            self.ready.synchronize()
        start = 0
        for run in self.runs:
            if isinstance(self.found, Exception):
                yield run, self.found
                continue
            own = self.found[start : start + len(run)]
            yield run, own.numpy() if own.isfinite().all() else UserError(NOT_FINITE)
            start += len(run)


class Tower:
    """Unit embeddings of batches on one device.

    `prepare` makes the encoder's input of the values of a batch's runs, on the device; `encode`
    takes it to embeddings (n, D). `batch_size` is halved, for good, when memory runs out.
    With `fixed_shape` (a compiled encoder) batches are filled up to `batch_size` rows.
    """

    def __init__(
        self,
        prepare: Prepare,
        encode: Encode,
        *,
        device: torch.device,
        batch_size: int,
        fixed_shape: bool = False,
    ) -> None:
        self.prepare, self.encode = prepare, encode
        self.device, self.batch_size, self.fixed_shape = device, batch_size, fixed_shape
        self.copying = _stream(device)

    def start(self, runs: Sequence[Run]) -> list[Embedded]:
        """Begin a batch; several smaller ones where it must be cut.

        Out of memory: in halves, down to one row, whose video then fails. Any other error: each
        video alone, so that it costs only the one to blame. An error that leaves the GPU
        unusable to this process is nobody's: raises `SpoiledError`.
        """
        try:
            return [self._embed(runs)]
        except torch.AcceleratorError as broken:
            raise SpoiledError(f"the GPU failed: {broken}") from broken
        except Exception as raised:
            # Without its traceback, whose frames would hold on to the batch's tensors.
            error = raised.with_traceback(None)
        if out_of_memory(error):
            return self._halved(runs, error)
        videos = [list(own) for _, own in groupby(runs, key=lambda run: run.video)]
        if len(videos) == 1:
            return [Embedded(runs, error)]
        return [part for own in videos for part in self.start(own)]

    def _halved(self, runs: Sequence[Run], error: Exception) -> list[Embedded]:
        n_rows = sum(map(len, runs))
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if n_rows == 1:
            failure = UserError(
                "not even one image or caption fits into the device's memory beside the model; "
                f"choose precision bf16, a smaller model or a freer device ({error})"
            )
            return [Embedded(runs, failure)]
        if n_rows // 2 < self.batch_size:
            self.batch_size = n_rows // 2
            print(
                f"out of memory with {n_rows} in a batch: going on with {self.batch_size}; "
                "a smaller runtime.batch_size avoids the detour",
                file=sys.stderr,
            )
        cut = batches(runs, lambda: self.batch_size, shared=True)
        return [part for half in cut if not isinstance(half, Failure) for part in self.start(half)]

    @torch.no_grad()
    def _embed(self, runs: Sequence[Run]) -> Embedded:
        inputs = self.prepare(self._on_device([run.values for run in runs]))  # (n, ...)
        n_rows = len(inputs)
        if self.fixed_shape and n_rows < self.batch_size:
            filling = inputs[-1:].expand(self.batch_size - n_rows, *inputs.shape[1:])
            inputs = torch.cat([inputs, filling])
        embedded = self.encode(inputs)[:n_rows].float()
        embedded = torch.nn.functional.normalize(embedded, dim=-1)  # (n, D), in fp32 always
        if self.copying is None:
            return Embedded(runs, embedded)
        found = torch.empty(embedded.shape, dtype=embedded.dtype, pin_memory=True)
        found.copy_(embedded, non_blocking=True)
        return Embedded(runs, found, torch.cuda.current_stream(self.device).record_event())

    def _on_device(self, values: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Copies on the device, made beside the computation of earlier batches."""
        if self.copying is None:
            return list(values)
        computing = torch.cuda.current_stream(self.device)
        with torch.cuda.stream(self.copying):
            copies = [part.to(self.device, non_blocking=True) for part in values]
        computing.wait_stream(self.copying)
        for copy in copies:
            copy.record_stream(computing)  # not to be reused before it has been read
        return copies


def _stream(device: torch.device) -> torch.cuda.Stream | None:
    if device.type != "cuda":
        return None
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
