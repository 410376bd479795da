"""Training a variant from nothing, with one seed or with several at once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from pipeline.config import Variant
from pipeline.features import VideoFeatures
from pipeline.models import registry
from pipeline.models.head import Head, Targets
from pipeline.training.fitting import fit
from pipeline.training.frozen import FrozenCore
from pipeline.training.progress import Progress
from pipeline.training.stacked import fit_stacked
from pipeline.training.watching import Watcher


def train_variant(
    variant: Variant,
    train: VideoFeatures,
    watched: Mapping[str, VideoFeatures],
    *,
    seed: int,
    device: torch.device,
    progress: Progress | None = None,
    core: FrozenCore | None = None,
) -> tuple[Head, Watcher]:
    """A head trained on the `train` videos with one seed, and what was seen of it meanwhile.

    `watched` are other videos by split name. With a frozen `core`, the head speaks of its
    categories, and all that training is told of a video is whether it is abnormal. Raises
    `UserError` as `fit` does.
    """
    layout, targets = train.layout, train.targets
    if core:
        layout = replace(layout, categories=list(core.categories))
        unknown = targets.categories.new_zeros(len(train.rows), len(core.categories))
        targets = Targets(targets.abnormal, unknown)
    torch.manual_seed(seed)
    head = registry.build(variant.head, layout, variant.features, variant.settings)
    if core:
        core.put_into(head)
    watcher = Watcher(head, watched, device)
    fit(
        head,
        train.features,
        targets,
        variant.train,
        seed=seed,
        device=device,
        watcher=watcher,
        progress=progress,
    )
    return head, watcher


def train_stacked(
    variant: Variant,
    train: VideoFeatures,
    watched: Mapping[str, VideoFeatures],
    *,
    seeds: Sequence[int],
    device: torch.device,
) -> list[tuple[Head, Watcher]]:
    """As `train_variant` with each of the seeds, their steps taken together (see `fit_stacked`)."""
    heads = []
    for seed in seeds:
        torch.manual_seed(seed)
        built = registry.build(variant.head, train.layout, variant.features, variant.settings)
        heads.append(built)
    watchers = [Watcher(head, watched, device) for head in heads]
    fit_stacked(
        heads,
        train.features,
        train.targets,
        variant.train,
        seeds=seeds,
        device=device,
        watchers=watchers,
    )
    return list(zip(heads, watchers, strict=True))
