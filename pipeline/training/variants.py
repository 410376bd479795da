"""Training a variant from nothing: built, fitted, watched."""

from collections.abc import Mapping
from dataclasses import replace

import torch

from pipeline.config import Variant
from pipeline.features import VideoFeatures
from pipeline.models import registry
from pipeline.models.head import Head, Targets
from pipeline.training.fitting import fit
from pipeline.training.frozen import FrozenCore
from pipeline.training.progress import Progress
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
