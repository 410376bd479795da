"""In a worker: trials trained and tried."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from pipeline import tables
from pipeline.config import Runtime
from pipeline.features import VideoFeatures
from pipeline.models.head import Head
from pipeline.training import Progress, Watcher, predict, train_stacked, train_variant
from pipeline.trials.trial import Group, seen


class Trainer:
    """The videos, loaded once, and a function from a trial to its piece, on a device of a kind."""

    def __init__(
        self, load: Callable[[], VideoFeatures], runtime: Runtime, device: torch.device
    ) -> None:
        self.videos = load()
        self.device = device
        self.store = Path(runtime.store)

    def __call__(self, job: tuple[str, Group]) -> pa.Table:
        """The piece of trials that are trained together, whose key comes with them."""
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
