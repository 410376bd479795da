"""Short training runs that the tests share."""

import pytest
import torch
from torch import Tensor

from pipeline.config import BaseHead, RefineVadHead
from pipeline.training import fit, weights_of
from tests.models.toy import TRAIN, base, make, refinevad, toy_videos

CPU = torch.device("cpu")
DROPPING = refinevad(motar={"dropout": 0.3}, core={"dropout": 0.3}, scorer={"dropout": 0.3})
BOTH = pytest.mark.parametrize("settings", [base(), DROPPING], ids=["base", "refinevad"])
SHORT = TRAIN.model_copy(update={"epochs": 3})


def trained(settings: BaseHead | RefineVadHead, *, seed: int = 0) -> dict[str, Tensor]:
    """The weights after three epochs on 40 toy videos."""
    videos = toy_videos(40, seed=1)
    head = make(settings)
    fit(head, videos.features, videos.targets, SHORT, seed=seed, device=CPU)
    return weights_of(head)
