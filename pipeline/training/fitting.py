"""Fitting a head: balanced batches, AdamW, any head by its interface."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from pipeline.config import Train
from pipeline.errors import UserError
from pipeline.models.head import Head, Inputs, Targets, take
from pipeline.training.batches import balanced_batches
from pipeline.training.predicting import prepare
from pipeline.training.progress import Progress, random_state, restore_random_state
from pipeline.training.watching import Watcher


def why_not(targets: Targets) -> str | None:
    """Why nothing can be trained on videos with these targets; None when it can."""
    n_videos, n_abnormal = len(targets.abnormal), int(targets.abnormal.sum())
    if 0 < n_abnormal < n_videos:
        return None
    return (
        "training needs normal and abnormal videos; the train split has "
        f"{n_videos - n_abnormal} normal and {n_abnormal} abnormal ones"
    )


def fit(
    head: Head,
    features: Tensor,
    targets: Targets,
    settings: Train,
    *,
    seed: int,
    device: torch.device,
    watcher: Watcher | None = None,
    progress: Progress | None = None,
) -> None:
    """Train `head` in place on features (N, T, D) and their targets; parameters that ask for none
    get no gradient.

    What the head reads of the features lies on `device` throughout. After each epoch, numbered
    from 1, the `watcher` is called, and `progress` may save where the run stands; a run that
    finds its progress goes on from there, to the same result. On a CPU the result depends on the
    seed and the number of threads alone.

    Raises `UserError` without normal or without abnormal videos (see `why_not`), when a feature
    or a loss is not finite, and when `settings.patience` has no validation split to watch.
    """
    check(features, targets, settings, watcher)
    abnormal = targets.abnormal.cpu()
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # dropout and label injection
    head.fit_statistics(features, targets)
    head.to(device)
    inputs, targets = prepare(head, features, device), targets.to(device)
    optimiser = make_optimiser(head.parameters(), settings)
    first = 1
    if progress and (state := progress.load()):
        first = state["epoch"] + 1
        head.load_state_dict(state["head"])
        optimiser.load_state_dict(state["optimiser"])
        restore_random_state(state["random"], generator, device)
        if watcher:
            watcher.restore(state["watcher"])
    for epoch in range(first, settings.epochs + 1):
        if _stops(settings, watcher):
            break
        batches = balanced_batches(abnormal, settings.batch_size, generator).to(device)
        losses = _epoch(head, inputs, targets, batches, optimiser, settings.clip_grad_norm)
        if not all(math.isfinite(value) for value in losses.values()):
            raise UserError(f"epoch {epoch}: a loss is not finite ({losses}); lower train.lr")
        if watcher:
            watcher(epoch, losses)
        if progress:
            progress.save(
                {
                    "epoch": epoch,
                    "head": head.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "random": random_state(generator, device),
                    "watcher": watcher.state() if watcher else {},
                }
            )
    head.eval()


def make_optimiser(parameters: Iterable[Tensor], settings: Train) -> torch.optim.Optimizer:
    """AdamW over those of the parameters that ask for a gradient."""
    return torch.optim.AdamW(
        [parameter for parameter in parameters if parameter.requires_grad],
        lr=settings.lr,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def check(features: Tensor, targets: Targets, settings: Train, watcher: Watcher | None) -> None:
    """Raise `UserError` where `fit` could not train to the end."""
    if reason := why_not(targets):
        raise UserError(reason)
    if not features.isfinite().all():
        raise UserError("a training feature is not finite; look for it in the feature tables")
    if settings.patience and not (watcher and "validation" in watcher.watched):
        raise UserError(
            f"train.patience is {settings.patience}, but there are no validation videos to judge "
            "by; give the source a validation_share, or set patience to null"
        )


def _stops(settings: Train, watcher: Watcher | None) -> bool:
    """Whether the validation split has not got better for `patience` epochs."""
    if settings.patience is None or watcher is None:
        return False
    if watcher.history and not watcher.best_epoch["validation"]:
        raise UserError(
            f"train.patience is {settings.patience}, but no metric is defined on the validation "
            "videos (they are all of one kind); validate on both kinds, or set patience to null"
        )
    return watcher.stale("validation") >= settings.patience


def _epoch(
    head: Head,
    inputs: Inputs,
    targets: Targets,
    batches: Tensor,
    optimiser: torch.optim.Optimizer,
    clip: float,
) -> dict[str, float]:
    """One pass over batches (n_batches, B); the mean loss terms and their sum, `loss`.

    Losses stay on the device until the epoch is over: a step waits for nothing.
    """
    head.train()
    names: list[str] = []
    sums = torch.zeros((), device=batches.device)
    for batch in batches:
        terms = step(head, inputs, targets, batch, optimiser, clip)
        names, sums = list(terms), sums + torch.stack(list(terms.values()))
    means = (sums / len(batches)).tolist()
    return {"loss": math.fsum(means), **dict(zip(names, means, strict=True))}


def step(
    head: Head,
    inputs: Inputs,
    targets: Targets,
    batch: Tensor,
    optimiser: torch.optim.Optimizer,
    clip: float,
) -> dict[str, Tensor]:
    """One step on the videos of these numbers (B,); the loss terms that it went down."""
    terms = head.losses(take(inputs, batch), targets.take(batch))
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(torch.stack(list(terms.values())).sum())
    torch.nn.utils.clip_grad_norm_(head.parameters(), clip)
    optimiser.step()
    return {name: value.detach() for name, value in terms.items()}
