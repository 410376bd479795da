"""Training a head: balanced batches, AdamW, any head by its interface."""

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from pipeline.config import Train
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from pipeline.metrics.frame import frame_auc
from pipeline.metrics.scored import Undefined, scored_videos
from pipeline.metrics.video import video_auc
from pipeline.models.head import Head

EpochEnd = Callable[[int, dict[str, float]], None]


def balanced_batches(
    abnormal: Tensor, batch_size: int, generator: torch.Generator
) -> Iterator[Tensor]:
    """Index batches (batch_size,) of one epoch: half normal videos, then half abnormal ones.

    An epoch passes once over the larger class; the smaller one starts over, in a new order, as
    often as needed. `abnormal` (N,) bool on the CPU.
    """
    half = batch_size // 2
    classes = [torch.nonzero(~abnormal).flatten(), torch.nonzero(abnormal).flatten()]
    n_batches = -(-max(len(members) for members in classes) // half)
    drawn = [_shuffled(members, n_batches * half, generator) for members in classes]
    for batch in range(n_batches):
        part = slice(batch * half, (batch + 1) * half)
        yield torch.cat([indices[part] for indices in drawn])


def _shuffled(members: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` of the members: whole permutations one after another."""
    rounds = -(-count // len(members))
    orders = [torch.randperm(len(members), generator=generator) for _ in range(rounds)]
    return members[torch.cat(orders)[:count]]


def why_not(labels: Tensor) -> str | None:
    """Why nothing can be trained on videos with these labels (N, C); None when it can."""
    n_abnormal = int(labels.any(dim=1).sum())
    if 0 < n_abnormal < len(labels):
        return None
    return (
        "training needs normal and abnormal videos; the train split has "
        f"{len(labels) - n_abnormal} normal and {n_abnormal} abnormal ones"
    )


def fit(
    head: Head,
    features: Tensor,
    labels: Tensor,
    settings: Train,
    *,
    seed: int,
    device: torch.device,
    epoch_end: EpochEnd,
) -> None:
    """Train `head` in place on features (N, T, D) and labels (N, C), held on `device` throughout.

    `epoch_end(epoch, mean loss terms)` is called after each epoch, numbered from 1, with the
    head in eval mode. On a CPU the result depends on the seed and the number of threads alone.
    Raises `UserError` without normal or without abnormal videos (see `why_not`), or when a feature
    or a loss is not finite.
    """
    if reason := why_not(labels):
        raise UserError(reason)
    abnormal = labels.any(dim=1)
    if not features.isfinite().all():
        raise UserError("a training feature is not finite; look for it in the feature tables")
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # dropout and label injection
    head.fit_statistics(features, labels)
    head.to(device)
    features, labels = features.to(device), labels.to(device)
    optimiser = torch.optim.AdamW(
        head.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
    )
    for epoch in range(1, settings.epochs + 1):
        head.train()
        terms = [
            _step(head, features[batch], labels[batch], optimiser, settings.clip_grad_norm)
            for batch in balanced_batches(abnormal.cpu(), settings.batch_size, generator)
        ]
        means = {name: sum(term[name] for term in terms) / len(terms) for name in terms[0]}
        if not all(math.isfinite(value) for value in means.values()):
            raise UserError(f"epoch {epoch}: a loss is not finite ({means}); lower train.lr")
        head.eval()
        epoch_end(epoch, means)


def _step(
    head: Head, features: Tensor, labels: Tensor, optimiser: torch.optim.Optimizer, clip: float
) -> dict[str, float]:
    """One optimiser step; the loss terms and their sum, `loss`."""
    terms = head.losses(features, labels)
    total = torch.stack(list(terms.values())).sum()
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(total)
    torch.nn.utils.clip_grad_norm_(head.parameters(), clip)
    optimiser.step()
    return {"loss": total.item(), **{name: term.item() for name, term in terms.items()}}


@torch.no_grad()
def predict(head: Head, features: Tensor, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Snippet scores (N, T) in [0, 1] and category probabilities (N, C) or None, on the CPU."""
    head.eval()
    prediction = head(features.to(device))
    probability = prediction.category_prob
    return prediction.logits.sigmoid().cpu(), None if probability is None else probability.cpu()


class Watcher:
    """After each epoch scores the splits it watches, and keeps the weights that were best on each.

    Nothing that trains reads it. Best on the test split is what most papers of the field report;
    best on a validation split is a choice that has not seen the test split. Judged by frame AUC, or
    by video AUC where no event is annotated.
    """

    def __init__(
        self, head: Head, watched: Mapping[str, VideoFeatures], device: torch.device
    ) -> None:
        self.head, self.device = head, device
        self.watched = {split: videos for split, videos in watched.items() if videos.rows}
        self.history: list[dict[str, float]] = []
        self.best = dict.fromkeys(self.watched, float("-inf"))
        self.best_weights: dict[str, dict[str, Tensor]] = {}

    def __call__(self, epoch: int, losses: dict[str, float]) -> None:
        """Note losses and metrics; keep the weights of a split unless an earlier epoch was better.

        Nothing is kept where no metric of a split is defined: there is no best epoch.
        """
        entry = {name if name == "loss" else f"loss_{name}": v for name, v in losses.items()}
        for split, videos in self.watched.items():
            metrics = self._metrics(videos)
            defined = (value for value in metrics.values() if not math.isnan(value))
            headline = next(defined, float("-inf"))
            if headline > self.best[split]:
                self.best[split] = headline
                self.best_weights[split] = weights_of(self.head)
            entry |= {f"{split}_{name}": value for name, value in metrics.items()}
        self.history.append({"epoch": epoch, **entry})

    def _metrics(self, videos: VideoFeatures) -> dict[str, float]:
        """Frame and video AUC; not a number where undefined."""
        scores, _ = predict(self.head, videos.features, self.device)
        scored, plain = scored_videos(videos.rows, scores.numpy()), np.ones((1, len(videos.rows)))
        found = {"frame_auc": frame_auc(scored, plain), "video_auc": video_auc(scored, plain)}
        return {
            name: float("nan") if isinstance(value, Undefined) else float(value[0])
            for name, value in found.items()
        }


def weights_of(head: Head) -> dict[str, Tensor]:
    """A copy of the head's parameters and statistics, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in head.state_dict().items()}
