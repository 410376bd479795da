"""Making the pieces that the store lacks, in worker processes."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa

from pipeline import engine
from pipeline.atomic import UnwritableError, sweep
from pipeline.config import Runtime
from pipeline.errors import UserError
from pipeline.pieces.in_use import InUse
from pipeline.pieces.store import Store
from pipeline.pieces.verifying import missing_keys

BATCHES = 32  # at least, of videos that are computed together: there may be many GPUs


@dataclass(frozen=True)
class Job:
    """One video's piece to make: `source` is what the stage's function is called with."""

    video_id: str
    key: str
    source: Any


@dataclass
class Computed:
    """What became of the jobs: pieces in job order, and failures by video id.

    As long as this lives, nobody prunes the stage's pieces.
    """

    done: list[Job] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    n_reused: int = 0
    in_use: InUse | None = field(default=None, repr=False, compare=False)

    def summary(self) -> str:
        """One line: how many pieces were computed, reused and left out."""
        computed = len(self.done) - self.n_reused
        return f"{computed} computed, {self.n_reused} reused, {len(self.failed)} left out"


def compute(
    jobs: Sequence[Job],
    make: Callable[[], Callable[[Any], Any]],
    store: Store,
    runtime: Runtime,
    *,
    workers: int | None = None,
    gpu: bool = False,
    together: int | None = None,
    missing: Collection[str] | None = None,
    unit: str = "video",
) -> Computed:
    """Make the pieces that `store` lacks, in worker processes, and say what became of all jobs.

    `make` builds the function from a job's source to its piece (see `engine.run`, also for
    `workers` and `gpu`). With `together`, it builds a function from up to that many sources
    to pairs of a source's position and its piece, or the exception in its place, in any order:
    videos that share batches. Jobs of one key are computed once. `missing` are the keys that
    the store lacks, where the caller has just looked (`missing_keys`). Raises `UserError` when
    more than `runtime.max_failed_share` of the jobs fail; pieces already made stay in the store.
    """
    folder = store.root / store.stage
    in_use = InUse(folder)  # before looking: what is found must stay
    sweep(folder)
    lacking = missing_keys(store, (job.key for job in jobs)) if missing is None else set(missing)
    wanted = list({job.key: job for job in jobs if job.key in lacking}.values())
    save = partial(_Saving, make if together else partial(_OneByOne, make), store)
    run = partial(engine.run, save, runtime=runtime, size=len, workers=workers, gpu=gpu, unit=unit)
    some = together or 1
    if workers != 1:  # share them
        some = min(some, max(1, len(wanted) // BATCHES))
    try:
        failed, unfinished = _failures(run, wanted, some, store.stage)
        still = missing_keys(store, (job.key for job in unfinished))
        alone = [job for job in unfinished if job.key in still]  # one of them is to blame
        failed |= _failures(run, alone, 1, f"{store.stage}, again alone")[0]
    finally:
        sweep(folder)
    computed = Computed(
        done=[job for job in jobs if job.key not in failed],
        failed={job.video_id: failed[job.key] for job in jobs if job.key in failed},
        n_reused=sum(job.key not in lacking for job in jobs),
        in_use=in_use,
    )
    check_failures(computed.failed, len(jobs), store.stage, runtime.max_failed_share)
    return computed


def _failures(
    run: Callable[..., Iterator[engine.Outcome]], jobs: Sequence[Job], together: int, label: str
) -> tuple[dict[str, str], list[Job]]:
    """Why jobs failed, by key, and the jobs whose worker died or hung among others."""
    batches = [jobs[start : start + together] for start in range(0, len(jobs), together)]
    failed: dict[str, str] = {}
    unfinished: list[Job] = []
    for outcome in run(batches, label=label):
        batch = batches[outcome.index]
        if outcome.error is None:
            failed |= outcome.value
        elif len(batch) == 1:
            failed[batch[0].key] = outcome.error
        else:
            unfinished += batch
    return failed, unfinished


class _OneByOne:
    """A function of one source, called as one of many."""

    def __init__(self, make: Callable[[], Callable[[Any], pa.Table]]) -> None:
        self.function = make()

    def __call__(self, sources: Sequence[Any]) -> Iterator[tuple[int, pa.Table | Exception]]:
        for position, source in enumerate(sources):
            try:
                yield position, self.function(source)
            except (engine.FatalError, engine.SpoiledError):
                raise
            except Exception as error:  # a row in a table, not a crash
                yield position, error


class _Saving:
    """In a worker: call the stage's function and save each piece as soon as it is there."""

    def __init__(
        self,
        make: Callable[[], Callable[[Sequence[Any]], Iterator[tuple[int, pa.Table | Exception]]]],
        store: Store,
    ) -> None:
        self.function = make()
        self.store = store

    def __call__(self, jobs: Sequence[Job]) -> dict[str, str]:
        """Why jobs failed, by key; a worker that died at these jobs has saved some, which stay."""
        failed = {}
        jobs = [job for job in jobs if self.store.fault(job.key) is not None]
        for position, piece in self.function([job.source for job in jobs]):
            if isinstance(piece, Exception):
                failed[jobs[position].key] = engine.first_line(piece)
            else:
                self._save(jobs[position].key, piece)
        return failed

    def _save(self, key: str, piece: pa.Table) -> None:
        try:
            self.store.save(key, piece)
        except UnwritableError as error:
            raise engine.FatalError(str(error)) from error


def check_failures(failed: Mapping[str, str], n_videos: int, stage: str, max_share: float) -> None:
    """Raise `UserError` with the first reasons when more than `max_share` of the videos failed."""
    if len(failed) <= max_share * n_videos:
        return
    reasons = [f"  {video}: {reason}" for video, reason in list(failed.items())[:10]]
    raise UserError(
        f"{stage}: {len(failed)} of {n_videos} videos failed, more than "
        f"runtime.max_failed_share = {max_share:g} allows. The first reasons:\n"
        + "\n".join(reasons)
        + "\nMend or remove these videos, or raise the share; nothing computed is lost."
    )
