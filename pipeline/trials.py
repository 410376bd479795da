"""Trials: a variant trained with a seed on some videos and tried on others, each done once.

A trial's scores are a piece of the work store, found again by all that decides them: the
variant's settings, the seed, and the videos on both sides. So a killed experiment goes on, a new
row of a table trains that row, and equal rows of two tables are trained once. Trials run side by
side, in one process a CPU or, where there are any, a GPU.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from pipeline import pieces, tables
from pipeline.config import Runtime, Variant
from pipeline.devices import pick_device
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from pipeline.models.head import Head
from pipeline.score_table import Run
from pipeline.training import FrozenCore, Progress, predict, train_variant

STAGE = "trials"
VERSION = 1  # raise when the same trial would give other scores
NO_LIMIT_S = 1e9  # nobody knows how long training takes


@dataclass(frozen=True)
class Trial:
    """A variant and a seed, and the numbers of the videos that train and of those it is tried on.

    With `watched`, the test videos are scored after every epoch too, and the best one is a
    checkpoint of its own, `best_on_test`; so is `best_on_validation` where there are videos of
    that kind, which `train.patience` needs. A `core` of another head is put in and kept.
    """

    variant: Variant
    seed: int
    train: tuple[int, ...] = field(repr=False)
    test: tuple[int, ...] = field(repr=False)
    watched: bool = True
    validation: tuple[int, ...] = field(default=(), repr=False)
    core: FrozenCore | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.variant.name}, seed {self.seed}"


def run(
    trials: Sequence[Trial],
    load: Callable[[], VideoFeatures],
    runtime: Runtime,
    *,
    videos: VideoFeatures | None = None,
) -> list[list[Run]]:
    """The runs of each trial, by checkpoint; a run's `model` is the variant's name.

    `load` gives the videos that trials number; it is pickled and called in each worker, and here
    unless the caller has the `videos` at hand.
    Raises `UserError` naming the trials that failed; the others stay in the store.
    """
    videos = load() if videos is None else videos
    store = pieces.Store(Path(runtime.store), STAGE, tables.TRIAL)
    keys = [_key(trial, videos) for trial in trials]
    jobs = [
        pieces.Job(f"{trial.name} (trial {number})", key, (key, trial))
        for number, (key, trial) in enumerate(zip(keys, trials, strict=True))
    ]
    limits = {"max_failed_share": 1.0, "timeout_s": NO_LIMIT_S}
    computed = pieces.compute(
        jobs,
        partial(_Trainer, load, runtime),
        store,
        runtime.model_copy(update=limits),
        gpu=True,
        unit="trial",
    )
    if computed.failed:
        reasons = (f"{name}: {reason}" for name, reason in computed.failed.items())
        raise UserError("\n".join([*reasons, "The other trials are done and kept."]))
    return [_runs(store.load(key), trial) for key, trial in zip(keys, trials, strict=True)]


def _key(trial: Trial, videos: VideoFeatures) -> str:
    digests, variant = videos.digests, trial.variant.identity()
    variant["features"]["modalities"] = seen(trial.variant, videos)
    settings = {
        "variant": variant,
        "seed": trial.seed,
        "watched": trial.watched,
        "train": [digests[i] for i in trial.train],
        "validation": [digests[i] for i in trial.validation],
    }
    if trial.core:
        settings["core"] = [trial.core.digest, trial.core.categories, trial.core.parts]
    source = hashlib.sha256("".join(digests[i] for i in trial.test).encode()).hexdigest()
    return pieces.Recipe(STAGE, VERSION, settings).key(source)


def seen(variant: Variant, videos: VideoFeatures) -> list[str]:
    """The modalities of a variant that the videos have; raises `UserError` where there is none."""
    wanted, there = variant.features.modalities, videos.layout.widths
    if found := [str(name) for name in wanted if name in there]:
        return found
    raise UserError(
        f"'{variant.name}' reads {', '.join(wanted)} features, of which the videos have none "
        f"(they have: {', '.join(there)})"
    )


class _Trainer:
    """In a worker: the videos, loaded once, and a function from a trial to its piece."""

    def __init__(self, load: Callable[[], VideoFeatures], runtime: Runtime) -> None:
        self.videos = load()
        self.device = pick_device(runtime.device)
        self.store = Path(runtime.store)

    def __call__(self, job: tuple[str, Trial]) -> pa.Table:
        key, trial = job
        torch.set_num_threads(trial.variant.train.threads)
        modalities = seen(trial.variant, self.videos)
        parts = {"train": trial.train, "validation": trial.validation, "test": trial.test}
        videos = {name: self.videos.select(own).only(modalities) for name, own in parts.items()}
        watched = ["validation", *(["test"] if trial.watched else [])]
        progress = Progress.of(self.store, key, self.device)
        head, watcher = train_variant(
            trial.variant,
            videos["train"],
            {name: videos[name] for name in watched},
            seed=trial.seed,
            device=self.device,
            progress=progress,
            core=trial.core,
        )
        found = [_scored(head, videos["test"], "last", self.device)]
        for name, best in watcher.best_weights.items():
            head.load_state_dict(best)
            found.append(_scored(head, videos["test"], f"best_on_{name}", self.device))
        progress.remove()  # the piece is saved at once: a kill in between costs one trial
        return pa.concat_tables(found)


def _scored(head: Head, test: VideoFeatures, checkpoint: str, device: torch.device) -> pa.Table:
    """Scores of the test videos, schema `tables.TRIAL`."""
    scores, probability = predict(head, test.features, device)
    n_videos, n_snippets = scores.shape
    ids = np.repeat([row["video_id"] for row in test.rows], n_snippets)
    lists = [[]] * n_videos if probability is None else probability.tolist()
    columns = [
        np.repeat(checkpoint, len(ids)),
        ids,
        np.tile(np.arange(n_snippets), n_videos),
        scores.flatten().numpy(),
        [own for own in lists for _ in range(n_snippets)],
    ]
    arrays = [pa.array(v, f.type) for v, f in zip(columns, tables.TRIAL, strict=True)]
    return pa.Table.from_arrays(arrays, schema=tables.TRIAL)


def _runs(piece: pa.Table, trial: Trial) -> list[Run]:
    """A trial's runs from its piece, whose videos are in the trial's order."""
    runs = []
    table = piece.to_pandas()
    for checkpoint, part in table.groupby("checkpoint", sort=False):
        scores = part["score"].to_numpy().reshape(len(trial.test), -1)
        first = part["category_prob"].iloc[:: scores.shape[1]].tolist()
        probability = np.stack(first) if len(first[0]) else None
        runs.append(Run(trial.variant.name, trial.seed, str(checkpoint), scores, probability))
    return runs
