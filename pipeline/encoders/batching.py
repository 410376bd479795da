"""Batches cut from the frames or captions of many videos, and embeddings put together again.

A video's rows (frames, or captions) come as runs in order. `batches` groups runs for the encoder,
either of one video each or shared by several; `encode_each` hands them to the encoder with a few
in flight and yields each video as soon as its last row is back.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

IN_FLIGHT = 2  # batches on a GPU's queue while earlier ones are read back and pieces written

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Run:
    """Rows that follow one another in one video, of one shape.

    `video` is its position in the call, `first` the row of `values[0]` among the video's `total`.
    """

    video: int
    first: int
    total: int
    values: torch.Tensor  # (n, ...)

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Failure:
    """Why the video at that position has no features."""

    video: int
    error: Exception


class Started(Protocol):
    """A batch that an encoder has begun."""

    def results(self) -> Iterator[tuple[Run, Floats | Exception]]:
        """Each run with its embeddings (n, D), or what it failed of; waits for them."""


def batches(
    parts: Iterable[Run | Failure], size: Callable[[], int], *, shared: bool
) -> Iterator[list[Run] | Failure]:
    """Runs in order, cut so that a batch has `size()` rows; failures pass at once.

    `size` is asked for each batch anew. Not `shared`: a batch ends with its video, so that its
    shape depends on that video alone.
    """
    batch: list[Run] = []
    for part in parts:
        if isinstance(part, Failure):
            yield part
            continue
        if batch and not shared and batch[0].video != part.video:
            yield batch
            batch = []
        rest = part
        while len(rest):
            room = size() - sum(map(len, batch))
            batch.append(replace(rest, values=rest.values[:room]))
            rest = replace(rest, first=rest.first + room, values=rest.values[room:])
            if sum(map(len, batch)) >= size():
                yield batch
                batch = []
    if batch:
        yield batch


def encode_each(
    parts: Iterable[Run | Failure],
    start: Callable[[Sequence[Run]], Sequence[Started]],
    size: Callable[[], int],
    *,
    shared: bool,
) -> Iterator[tuple[int, Floats | Exception]]:
    """Each video's position with its embeddings (total, D) or its error, as they get done.

    `start` begins a batch without waiting for it, where the device can.
    """
    gathering = _Gathering()
    in_flight: deque[Started] = deque()
    for batch in batches(parts, size, shared=shared):
        if isinstance(batch, Failure):
            yield from gathering.fail(batch.video, batch.error)
            continue
        in_flight.extend(start(batch))
        while len(in_flight) > IN_FLIGHT:
            yield from gathering.add(in_flight.popleft())
    for started in in_flight:
        yield from gathering.add(started)


@dataclass
class _Gathering:
    """Embeddings of videos of which rows are still missing."""

    partial: dict[int, tuple[Floats, int]] = field(default_factory=dict)  # and rows still missing
    failed: set[int] = field(default_factory=set)

    def fail(self, video: int, error: Exception) -> Iterator[tuple[int, Exception]]:
        """The first error of a video ends it; what else comes of it is dropped."""
        if video not in self.failed:
            self.failed.add(video)
            self.partial.pop(video, None)
            yield video, error

    def add(self, started: Started) -> Iterator[tuple[int, Floats | Exception]]:
        """Take up a batch's results; yield what they complete."""
        for run, found in started.results():
            if isinstance(found, Exception):
                yield from self.fail(run.video, found)
            elif run.video not in self.failed:
                yield from self._place(run, found)

    def _place(self, run: Run, found: Floats) -> Iterator[tuple[int, Floats]]:
        empty = np.empty((run.total, found.shape[1]), np.float32), run.total
        rows, missing = self.partial.pop(run.video, empty)
        rows[run.first : run.first + len(run)] = found
        if missing > len(run):
            self.partial[run.video] = rows, missing - len(run)
        else:
            yield run.video, rows
