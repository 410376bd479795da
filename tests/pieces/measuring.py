"""A function for workers whose calls can be counted, and jobs for it."""

import time
from pathlib import Path

import pyarrow as pa

from pipeline import pieces, tables
from tests.runtime import RUNTIME

PATIENT = RUNTIME.model_copy(update={"timeout_s": 120.0})  # a busy machine is no failed video
RECIPE = pieces.Recipe("floors", 1, {"a": 1})


class Measure:
    """Makes a piece of a number, and notes in a folder that it did; fails on negative ones."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def __call__(self, number: int) -> pa.Table:
        if number < 0:
            raise ValueError("negative")
        (self.log / f"{number}-{time.monotonic_ns()}").touch()
        return piece_of(number)


def jobs_of(numbers: dict[str, int]) -> list[pieces.Job]:
    return [pieces.Job(name, RECIPE.key(str(number)), number) for name, number in numbers.items()]


def made(log: Path) -> list[int]:
    return sorted(int(path.name.split("-")[0]) for path in log.iterdir())


def piece_of(number: float) -> pa.Table:
    row = {"snippet": 0, "mean_brightness": float(number), "mean_motion": 0.0}
    return pa.Table.from_pylist([row], schema=tables.FLOORS)


def key_of(number: int) -> str:
    return RECIPE.key(str(number))


def save(store: pieces.Store, *numbers: int) -> list[pieces.Job]:
    """Put the pieces of these numbers into the store; their jobs, named v<number>."""
    for number in numbers:
        store.save(key_of(number), piece_of(number))
    return jobs_of({f"v{number}": number for number in numbers})
