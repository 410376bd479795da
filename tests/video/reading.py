"""What a test lets a worker process do: read a file as the pipeline does, and say what came."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline import engine
from pipeline.config import Runtime
from pipeline.video.reading import DecodeError, reader, survey

Picture = npt.NDArray[np.uint8]
SPARSE = 7  # frames wanted of a file by the sparse index
SECONDS = 20.0  # what a file may take; sound ones take a fraction of one


@dataclass(frozen=True)
class Task:
    """A file to read, and how."""

    path: Path
    decoder: Any
    salvage: bool


@dataclass
class Reading:
    """What came of a file: its survey and its frames, or the reasons why not.

    `frames` holds, for each way to ask (see `indices`), the frames that came, by number.
    `refused` is the survey's reason; `refused_frames` those of asking for frames.
    """

    survey: Any = None
    refused: str = ""
    frames: dict[str, dict[int, Picture]] = field(default_factory=dict)
    refused_frames: dict[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Why the file was refused; empty when every frame could be had."""
        return self.refused or self.refused_frames.get("every", "")


def runtime(workers: int = 2) -> Runtime:
    """Settings of an engine for these tests."""
    return Runtime(
        engine="local",
        workers=workers,
        device="cpu",
        batch_size=1,
        compile=False,
        timeout_s=SECONDS,
        recycle_after=200,
        max_failed_share=1.0,
        store="unused",
    )


def read_all(tasks: Sequence[Task]) -> dict[Task, engine.Outcome]:
    """One run of the engine over all tasks."""
    outcomes = engine.run(make_reader, tasks, runtime(), label="hostile")
    return {tasks[outcome.index]: outcome for outcome in outcomes}


def make_reader() -> Callable[[Task], Reading]:
    """What an engine's worker calls for each task."""
    return read


def read(task: Task) -> Reading:
    """Survey a file and ask for its frames in three ways, each with a reader of its own."""
    reading = Reading()
    try:
        found = survey(task.path, task.decoder, salvage=task.salvage)
    except DecodeError as error:
        reading.refused = str(error)
        return reading
    reading.survey = found
    for way, numbers in indices(found.n_frames).items():
        reading.frames[way] = {}
        try:
            # As the decode stage does, which opens the file anew.
            for number, frame in reader(task.path, found.way).frames(numbers):
                reading.frames[way][number] = frame
        except DecodeError as error:
            reading.refused_frames[way] = str(error)
    return reading


def indices(n_frames: int) -> dict[str, list[int]]:
    """Frame numbers to ask for: all, a few all over the file, and a run in the middle."""
    step = max(n_frames // SPARSE, 1)
    middle = n_frames // 2
    return {
        "every": list(range(n_frames)),
        "sparse": list(range(step // 2, n_frames, step)),
        "dense": list(range(max(middle - 8, 0), min(middle + 12, n_frames))),
    }
