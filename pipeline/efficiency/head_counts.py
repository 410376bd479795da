"""Parameters and operations of a head, by part."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from pipeline.efficiency import flops
from pipeline.models.head import FeatureLayout, Head

DIRECT = "itself"  # the part of parameters that belong to the head and to none of its children


def count(head: Head, layout: FeatureLayout) -> dict[str, Any]:
    """Parameters and operations of scoring one video, by the head's children.

    `training_only` are the parameters of children that scoring never calls: what serves a loss
    alone.
    """
    head.eval()
    video = torch.zeros(1, layout.n_snippets, layout.width)
    with _called(head) as called:
        operations = flops.of(lambda: head(video), head)
    owned = _owned(head)
    parts = {name: sum(p.numel() for p in own) for name, own in owned.items()}
    unused = [name for name, size in parts.items() if size and name not in {*called, DIRECT}]
    every = [parameter for own in owned.values() for parameter in own]
    return {
        "parameters": {
            "total": sum(parts.values()),
            "trainable": sum(p.numel() for p in every if p.requires_grad),
            "training_only": sum(parts[name] for name in unused),
            "parts": parts,
            "training_only_parts": unused,
        },
        "flops": {"per_video": operations.total, "parts": operations.parts},
    }


def _owned(head: nn.Module) -> dict[str, list[nn.Parameter]]:
    """The parameters of each child; one that two children share is the first's."""
    seen: set[int] = set()
    owned: dict[str, list[nn.Parameter]] = {}
    groups = {name: list(child.parameters()) for name, child in head.named_children()}
    if direct := list(head.parameters(recurse=False)):
        groups[DIRECT] = direct
    for name, parameters in groups.items():
        own = [parameter for parameter in parameters if id(parameter) not in seen]
        seen |= {id(parameter) for parameter in own}
        owned[name] = own
    return owned


@contextmanager
def _called(head: nn.Module) -> Iterator[set[str]]:
    """The names of the head's children that are called meanwhile, as a whole or a part of them."""
    called: set[str] = set()

    def note(name: str) -> Any:
        return lambda module, inputs: called.add(name)

    hooks = [
        module.register_forward_pre_hook(note(name))
        for name, child in head.named_children()
        for module in child.modules()
    ]
    try:
        yield called
    finally:
        for hook in hooks:
            hook.remove()
