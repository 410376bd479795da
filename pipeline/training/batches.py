"""Balanced batches: half normal videos, half abnormal ones."""

import torch
from torch import Tensor


def balanced_batches(abnormal: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
    """Video numbers (n_batches, batch_size) of one epoch: half normal ones, then half abnormal.

    An epoch passes once over the larger class; the smaller one starts over, in a new order, as
    often as needed. `abnormal` (N,) bool on the CPU.
    """
    half = batch_size // 2
    classes = [torch.nonzero(~abnormal).flatten(), torch.nonzero(abnormal).flatten()]
    n_batches = -(-max(len(members) for members in classes) // half)
    drawn = [_shuffled(members, n_batches * half, generator) for members in classes]
    return torch.cat([numbers.view(n_batches, half) for numbers in drawn], dim=1)


def _shuffled(members: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` of the members: whole permutations one after another."""
    rounds = -(-count // len(members))
    orders = [torch.randperm(len(members), generator=generator) for _ in range(rounds)]
    return members[torch.cat(orders)[:count]]
