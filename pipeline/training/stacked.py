"""Several seeds of a head at once: their weights stacked, their steps taken together.

A small head's step is many short calls, and a GPU spends most of it waiting for the next one. S
heads whose weights lie in one tensor with a leading axis take one such step instead of S. Each
still has its own batches, gradient norm, optimiser moments and batch-norm statistics, and nothing
of one reaches another; but matrix products over S heads may round differently from one head's,
and dropout masks come from one stream, so a seed's result is that of `fit` only up to these.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from pipeline.config import Train
from pipeline.errors import UserError
from pipeline.models.head import Head, Inputs, Targets, take
from pipeline.training.batches import balanced_batches
from pipeline.training.fitting import check, make_optimiser
from pipeline.training.predicting import prepare
from pipeline.training.watching import Watcher

State = dict[str, Tensor]  # by name, each with a leading axis S


class _Losses(nn.Module):
    """A head whose `forward` gives its losses: what `functional_call` can call."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head

    def forward(self, inputs: Inputs, targets: Targets) -> dict[str, Tensor]:
        return self.head.losses(inputs, targets)


class Stack:
    """S heads of one architecture as one: their parameters and statistics, stacked (S, ...)."""

    def __init__(self, heads: Sequence[Head]) -> None:
        self.modules = [_Losses(head.train()) for head in heads]
        self.parameters: State
        self.buffers: State
        self.parameters, self.buffers = stack_module_state(self.modules)
        self._losses = vmap(self._of_one, randomness="different")

    def _of_one(
        self, parameters: State, buffers: State, inputs: Inputs, targets: Targets
    ) -> dict[str, Tensor]:
        """One head's losses; updates its batch-norm statistics, a view of the stacked ones."""
        terms: dict[str, Tensor] = functional_call(
            self.modules[0], (parameters, buffers), (inputs, targets)
        )
        return terms

    def losses(self, inputs: Inputs, targets: Targets) -> dict[str, Tensor]:
        """Each head's loss terms (S,) on its own batch, (S, B, ...)."""
        # Attention as plain matrix products: under vmap the fused one runs head by head.
        with sdpa_kernel(SDPBackend.MATH):
            terms: dict[str, Tensor] = self._losses(self.parameters, self.buffers, inputs, targets)
        return terms

    @torch.no_grad()
    def unstack(self) -> None:
        """Give each head its own weights and statistics."""
        for number, module in enumerate(self.modules):
            for name, parameter in module.named_parameters():
                parameter.copy_(self.parameters[name][number])
            for name, buffer in module.named_buffers():
                buffer.copy_(self.buffers[name][number])


def fit_stacked(
    heads: Sequence[Head],
    features: Tensor,
    targets: Targets,
    settings: Train,
    *,
    seeds: Sequence[int],
    device: torch.device,
    watchers: Sequence[Watcher] = (),
) -> None:
    """Train heads of one architecture in place, each as `fit` would with its own seed.

    Features (N, T, D) and targets are shared; so is what `prepare` makes of them, for statistics
    come from the training videos alone. Batches are each seed's own, the same as alone.
    `watchers`, one a head or none at all, are called after each epoch.

    Raises `UserError` as `fit` does, and `ValueError` with `settings.patience`: heads that stop
    at different epochs are not trained together.
    """
    if settings.patience is not None:
        raise ValueError("with train.patience seeds are trained one by one")
    check(features, targets, settings, None)
    if len(heads) != len(seeds) or len(watchers) not in (0, len(heads)):
        raise ValueError(f"{len(heads)} heads, {len(seeds)} seeds, {len(watchers)} watchers")
    torch.manual_seed(seeds[0])  # dropout and label injection of all
    for head in heads:
        head.fit_statistics(features, targets)
        head.to(device)
    abnormal = targets.abnormal.cpu()
    inputs, targets = prepare(heads[0], features, device), targets.to(device)
    stack = Stack(heads)
    optimiser = make_optimiser(stack.parameters.values(), settings)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    for epoch in range(1, settings.epochs + 1):
        drawn = [balanced_batches(abnormal, settings.batch_size, own) for own in generators]
        batches = torch.stack(drawn, dim=1).to(device)  # (n_batches, S, B)
        losses = _epoch(stack, inputs, targets, batches, optimiser, settings.clip_grad_norm)
        for seed, own in zip(seeds, losses, strict=True):
            if not all(math.isfinite(value) for value in own.values()):
                raise UserError(
                    f"seed {seed}, epoch {epoch}: a loss is not finite ({own}); lower train.lr"
                )
        if watchers:
            stack.unstack()
        for watcher, own in zip(watchers, losses, strict=False):
            watcher(epoch, own)
        for head in heads:
            head.train()
    stack.unstack()
    for head in heads:
        head.eval()


def _epoch(
    stack: Stack,
    inputs: Inputs,
    targets: Targets,
    batches: Tensor,
    optimiser: torch.optim.Optimizer,
    clip: float,
) -> list[dict[str, float]]:
    """One pass over batches (n_batches, S, B); each head's mean loss terms and their sum."""
    names: list[str] = []
    sums = torch.zeros((), device=batches.device)
    for batch in batches:
        terms = stack.losses(take(inputs, batch), targets.take(batch))
        values = torch.stack(list(terms.values()))  # (terms, S)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(values.sum())  # no head's loss depends on another's weights
        clip_each(list(stack.parameters.values()), clip)
        optimiser.step()
        names, sums = list(terms), values.detach() + sums
    means = (sums / len(batches)).T.tolist()
    return [{"loss": math.fsum(own), **dict(zip(names, own, strict=True))} for own in means]


@torch.no_grad()
def clip_each(parameters: Sequence[Tensor], limit: float) -> None:
    """`torch.nn.utils.clip_grad_norm_` for each head by itself; parameters are (S, ...)."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    rows = [gradient.reshape(len(gradient), -1) for gradient in gradients]
    norms = torch.stack([torch.linalg.vector_norm(row, dim=1) for row in rows])  # (P, S)
    whole = torch.linalg.vector_norm(norms, dim=0)  # (S,)
    scale = (limit / (whole + 1e-6)).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))
