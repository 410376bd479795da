"""Frames pieces on disk to pixels in memory, ahead of the encoder and never far ahead."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import simplejpeg
import torch

from pipeline import tables
from pipeline.encoders.batching import Failure, Run
from pipeline.errors import UserError

RUN = 16  # frames one task decodes: long enough to hide the cost of a task, short enough to share
VIDEOS_AHEAD = 1

Result = TypeVar("Result")


@dataclass(frozen=True)
class Frames:
    """A video's sampled frames, each distinct one once.

    `rows` (T, K) says which of them stand in each snippet.
    """

    video: int
    path: Path
    numbers: Sequence[int]
    jpegs: Sequence[bytes]
    rows: npt.NDArray[np.int64]


def read_frames(video: int, path: Path) -> Frames | Failure:
    """The piece (schema `tables.FRAMES`) at `path`."""
    try:
        table = tables.read(path, tables.FRAMES)
        index, images = (table.column(name).to_pylist() for name in ("frame_index", "image"))
        distinct = {
            number: jpeg
            for numbers, jpegs in zip(index, images, strict=True)
            for number, jpeg in zip(numbers, jpegs, strict=True)
        }
        if not distinct:
            raise UserError(f"{path} holds no frame; remove it and `dvc repro`")
        row_of = {number: row for row, number in enumerate(distinct)}
        rows = np.array([[row_of[number] for number in numbers] for numbers in index])
    except Exception as error:  # one video's, whatever it is
        return Failure(video, error)
    return Frames(video, path, list(distinct), list(distinct.values()), rows)


def decode_run(frames: Frames, first: int, *, pinned: bool) -> list[Run | Failure]:
    """Frames `first` to `first + RUN` as pixels (n, H, W, 3) uint8, a run for each size in turn.

    `pinned` memory is what a GPU copies from while it computes.
    """
    chosen = range(first, min(first + RUN, len(frames.jpegs)))
    try:
        pictures = [_decode(frames, row) for row in chosen]
    except UserError as error:
        return [Failure(frames.video, error)]
    runs: list[Run | Failure] = []
    for shape, alike in groupby(pictures, key=lambda picture: picture.shape):
        group = list(alike)
        pixels = torch.empty((len(group), *shape), dtype=torch.uint8, pin_memory=pinned)
        np.stack(group, out=pixels.numpy())
        runs.append(Run(frames.video, first, len(frames.jpegs), pixels))
        first += len(group)
    return runs


def _decode(frames: Frames, row: int) -> npt.NDArray[np.uint8]:
    try:
        return np.asarray(simplejpeg.decode_jpeg(frames.jpegs[row], colorspace="RGB"))
    except Exception as error:
        raise UserError(
            f"{frames.path}: frame {frames.numbers[row]} is no whole JPEG ({error}); "
            "remove the file and `dvc repro`"
        ) from error


def decoded(
    paths: Iterable[Path],
    pool: Executor,
    *,
    ahead: int,
    pinned: bool,
    note: Callable[[Frames], None],
) -> Iterator[Run | Failure]:
    """The pixels of all videos in order, with at most `ahead` runs waiting to be taken.

    `note` is called with each video's frames before its first run.
    """
    reading = (partial(read_frames, video, path) for video, path in enumerate(paths))
    tasks = _tasks(_in_order(pool, reading, VIDEOS_AHEAD), note, pinned=pinned)
    for parts in _in_order(pool, tasks, ahead):
        yield from parts


def _tasks(
    videos: Iterable[Frames | Failure], note: Callable[[Frames], None], *, pinned: bool
) -> Iterator[Callable[[], list[Run | Failure]]]:
    for frames in videos:
        if isinstance(frames, Failure):
            yield partial(list, [frames])
            continue
        note(frames)
        for first in range(0, len(frames.jpegs), RUN):
            yield partial(decode_run, frames, first, pinned=pinned)


def _in_order(
    pool: Executor, tasks: Iterable[Callable[[], Result]], ahead: int
) -> Iterator[Result]:
    """The tasks' results in the tasks' order, at most `ahead` begun before they are asked for."""
    begun: deque[Future[Result]] = deque()
    for task in tasks:
        begun.append(pool.submit(task))
        if len(begun) > ahead:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()
