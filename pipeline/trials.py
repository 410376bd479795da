"""Trials: a variant trained with a seed on some videos and tried on others, each done once.

A trial's scores are a piece of the work store, found again by all that decides them: the
variant's settings, the seed, and the videos on both sides. So a killed experiment goes on, a new
row of a table trains that row, and equal rows of two tables are trained once. Trials run side by
side, in one process a CPU or, where there are any, a GPU.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from pipeline import pieces, tables
from pipeline.config import Runtime, Variant
from pipeline.devices import pick_device
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from pipeline.models.head import Head
from pipeline.score_table import Run
from pipeline.training import FrozenCore, Progress, Watcher, predict, train_stacked, train_variant

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


Group = tuple[Trial, ...]  # trials that differ in their seed alone


def run(
    trials: Sequence[Trial],
    load: Callable[[], VideoFeatures],
    runtime: Runtime,
    *,
    videos: VideoFeatures | None = None,
    stack: bool | None = None,
) -> list[list[Run]]:
    """The runs of each trial, by checkpoint; a run's `model` is the variant's name.

    `load` gives the videos that trials number; it is pickled and called in each worker, and here
    unless the caller has the `videos` at hand. With `stack`, trials that differ in their seed
    alone are trained at once (see `pipeline.training.stacked`), as is done by default on a GPU,
    where one small head leaves most of it idle; their key holds all their seeds then.
    Raises `UserError` naming the trials that failed; the others stay in the store.
    """
    videos = load() if videos is None else videos
    device = pick_device(runtime.device)
    places = grouped(trials, stack=device.type == "cuda" if stack is None else stack)
    groups = [tuple({trials[i].seed: trials[i] for i in own}.values()) for own in places]
    store = pieces.Store(Path(runtime.store), STAGE, tables.TRIAL)
    keys = [_key(group, videos) for group in groups]
    jobs = [
        pieces.Job(f"{_name(group)} (trial {number})", key, (key, group))
        for number, (key, group) in enumerate(zip(keys, groups, strict=True))
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
    found: list[list[Run]] = [[] for _ in trials]
    for key, own in zip(keys, places, strict=True):
        table = store.load(key).to_pandas()
        for place in own:
            found[place] = _runs(table, trials[place])
    return found


def grouped(trials: Sequence[Trial], *, stack: bool) -> list[list[int]]:
    """Numbers of the trials to train together: a variant's seeds on the same videos, or each alone.

    With `train.patience` seeds stop at different epochs, so these stay alone, and so do those with
    a `core`, which is another one for each seed.
    """
    groups: dict[Any, list[int]] = {}
    for number, trial in enumerate(trials):
        alone = not stack or trial.core is not None or trial.variant.train.patience is not None
        same = json.dumps(trial.variant.identity()), trial.train, trial.validation, trial.test
        groups.setdefault(number if alone else (*same, trial.watched), []).append(number)
    return list(groups.values())


def _name(group: Group) -> str:
    return "; ".join(trial.name for trial in group)


def _key(group: Group, videos: VideoFeatures) -> str:
    trial, digests = group[0], videos.digests
    variant = trial.variant.identity()
    variant["features"]["modalities"] = seen(trial.variant, videos)
    settings = {
        "variant": variant,
        "seeds": [each.seed for each in group],
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

    def __call__(self, job: tuple[str, Group]) -> pa.Table:
        key, group = job
        trial = group[0]
        torch.set_num_threads(trial.variant.train.threads)
        modalities = seen(trial.variant, self.videos)
        parts = {"train": trial.train, "validation": trial.validation, "test": trial.test}
        videos = {name: self.videos.select(own).only(modalities) for name, own in parts.items()}
        watched = ["validation", *(["test"] if trial.watched else [])]
        found = []
        for seed, (head, watcher) in self._trained(
            key, group, videos["train"], {name: videos[name] for name in watched}
        ):
            found.append(_scored(head, videos["test"], seed, "last", self.device))
            for name, best in watcher.best_weights.items():
                head.load_state_dict(best)
                found.append(_scored(head, videos["test"], seed, f"best_on_{name}", self.device))
        # A kill before the piece is saved costs this one trial.
        Progress.of(self.store, key, self.device).remove()
        return pa.concat_tables(found)

    def _trained(
        self, key: str, group: Group, train: VideoFeatures, watched: Mapping[str, VideoFeatures]
    ) -> list[tuple[int, tuple[Head, Watcher]]]:
        """Head and watcher of each seed; a single one goes on where it was killed."""
        seeds, variant = [trial.seed for trial in group], group[0].variant
        if len(seeds) > 1:
            heads = train_stacked(variant, train, watched, seeds=seeds, device=self.device)
            return list(zip(seeds, heads, strict=True))
        trained = train_variant(
            variant,
            train,
            watched,
            seed=seeds[0],
            device=self.device,
            progress=Progress.of(self.store, key, self.device),
            core=group[0].core,
        )
        return [(seeds[0], trained)]


def _scored(
    head: Head, test: VideoFeatures, seed: int, checkpoint: str, device: torch.device
) -> pa.Table:
    """Scores of the test videos, schema `tables.TRIAL`."""
    scores, probability = predict(head, test.features, device)
    n_videos, n_snippets = scores.shape
    ids = np.repeat([row["video_id"] for row in test.rows], n_snippets)
    lists = [[]] * n_videos if probability is None else probability.tolist()
    columns = [
        np.repeat(seed, len(ids)),
        np.repeat(checkpoint, len(ids)),
        ids,
        np.tile(np.arange(n_snippets), n_videos),
        scores.flatten().numpy(),
        [own for own in lists for _ in range(n_snippets)],
    ]
    arrays = [pa.array(v, f.type) for v, f in zip(columns, tables.TRIAL, strict=True)]
    return pa.Table.from_arrays(arrays, schema=tables.TRIAL)


def _runs(piece: pd.DataFrame, trial: Trial) -> list[Run]:
    """A trial's runs from its piece, whose videos are in the trial's order."""
    runs = []
    own = piece[piece["seed"] == trial.seed]
    for checkpoint, part in own.groupby("checkpoint", sort=False):
        scores = part["score"].to_numpy().reshape(len(trial.test), -1)
        first = part["category_prob"].iloc[:: scores.shape[1]].tolist()
        probability = np.stack(first) if len(first[0]) else None
        runs.append(Run(trial.variant.name, trial.seed, str(checkpoint), scores, probability))
    return runs
