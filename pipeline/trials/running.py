"""Trials side by side: which are trained together, in how many workers, and their runs."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import pieces, tables
from pipeline.config import Runtime
from pipeline.devices import pick_device
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from pipeline.score_table import Run
from pipeline.trials.keys import key_of
from pipeline.trials.trainer import Trainer
from pipeline.trials.trial import Group, Trial
from pipeline.trials.workers import workers_for

STAGE = "trials"
NO_LIMIT_S = 1e9  # nobody knows how long training takes


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
    keys = [key_of(group, videos, device) for group in groups]
    jobs = [
        pieces.Job(f"{_name(group)} (trial {number})", key, (key, group))
        for number, (key, group) in enumerate(zip(keys, groups, strict=True))
    ]
    limits = {"max_failed_share": 1.0, "timeout_s": NO_LIMIT_S}
    computed = pieces.compute(
        jobs,
        partial(Trainer, load, runtime, device),
        store,
        runtime.model_copy(update=limits),
        workers=workers_for(groups, videos, runtime, device),
        gpu=device.type == "cuda",
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
