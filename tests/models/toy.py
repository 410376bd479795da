"""Small heads, and videos with planted anomalies that a head can learn."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.config import BaseHead, Features, RefineVadHead, Train
from pipeline.features import VideoFeatures
from pipeline.metrics.frame import frame_metrics
from pipeline.metrics.scored import scored_videos
from pipeline.metrics.values import Values
from pipeline.metrics.video import video_auc
from pipeline.models.head import FeatureLayout, Head, Targets
from pipeline.models.registry import build
from pipeline.training import predict

CATEGORIES = ["Fighting", "Fire", "Panic"]
LAYOUT = FeatureLayout({"image": 6, "text": 4}, CATEGORIES, 16)
FEATURES = Features(modalities=["image", "text"], center=True, normalise="l2")
TRAIN = Train(epochs=12, batch_size=16, lr=5e-3, weight_decay=1e-2, clip_grad_norm=5.0, threads=1)
FRAMES_PER_SNIPPET = 5

SCORER: dict[str, Any] = {"hidden": [8], "dropout": 0.0, "batch_norm": True}
BASE: dict[str, Any] = {
    "width": 8,
    "input_dropout": 0.0,
    "scorer": {**SCORER, "batch_norm": False},
    "mil": {"kind": "bce"},
}
REFINEVAD: dict[str, Any] = {
    "width": 8,
    "motar": {
        "fold": 2,
        "shift": "straight_through",
        "temperature": 0.2,
        "edges": "zero",
        "per_modality": True,
        "layers": 1,
        "heads": 2,
        "dropout": 0.0,
    },
    "core": {
        "threshold": 0.5,
        "pool_temperature": 1.0,
        "classification": "soft",
        "injection": "broadcast",
        "heads": 2,
        "dropout": 0.0,
        "label_probability": 0.5,
    },
    "scorer": SCORER,
    "mil": {"kind": "bce"},
    "gmm": {"weight": 0.1, "anchor": True, "hidden": 8},
    "category": {"weight": 0.2, "balance": True},
}


def _changed(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = dict(values)
    for key, change in changes.items():
        result[key] = {**values[key], **change} if isinstance(change, dict) else change
    return result


def base(**changes: Any) -> BaseHead:
    return BaseHead.model_validate(_changed(BASE, changes))


def refinevad(**changes: Any) -> RefineVadHead:
    return RefineVadHead.model_validate(_changed(REFINEVAD, changes))


def make(
    settings: BaseHead | RefineVadHead, *, seed: int = 0, features: Features = FEATURES
) -> Head:
    torch.manual_seed(seed)
    name = "base" if isinstance(settings, BaseHead) else "refinevad"
    return build(name, LAYOUT, features, settings)


def perturb(module: nn.Module, *, seed: int = 1, scale: float = 0.3) -> None:
    """Adds noise to every parameter, so that no branch is left at its zero start."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            parameter.add_(scale * noise)


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def multi_hot(*rows: str) -> Tensor:
    """`multi_hot("010", "000")`: two videos, the second one normal."""
    return torch.tensor([[float(mark) for mark in row] for row in rows])


# Six videos and their categories, of which the last one's is unknown.
VIDEOS = normal(6, LAYOUT.n_snippets, LAYOUT.width)
LABELS = multi_hot("000", "010", "000", "101", "100", "000")
TARGETS = Targets(torch.tensor([False, True, False, True, True, True]), LABELS)


def ready(settings: BaseHead | RefineVadHead, *, seed: int = 0) -> Head:
    """A head that looks trained: random parameters, statistics and running averages; eval mode."""
    head = make(settings, seed=seed)
    perturb(head, seed=seed + 1)
    head.fit_statistics(VIDEOS, TARGETS)
    head.train()
    for step in range(3):
        head.losses(head.prepare(VIDEOS + 0.2 * step), TARGETS)
    return head.eval()


def toy_videos(count: int, *, seed: int, split: str = "train") -> VideoFeatures:
    """Noise around one direction; in abnormal videos a stretch of snippets shows its category's."""
    generator = torch.Generator().manual_seed(seed)
    directions = normal(1 + len(CATEGORIES), LAYOUT.width, seed=99)
    features = directions[0] + 0.4 * torch.randn(
        count, LAYOUT.n_snippets, LAYOUT.width, generator=generator
    )
    labels = torch.zeros(count, len(CATEGORIES))
    rows: list[dict[str, Any]] = []
    for video in range(count):
        row: dict[str, Any] = {
            "video_id": f"{split}{video}",
            "split": split,
            "n_frames": FRAMES_PER_SNIPPET * LAYOUT.n_snippets,
            "categories": [],
            "events": [],
        }
        if video % 2:
            category = video // 2 % len(CATEGORIES)
            length = int(torch.randint(3, 7, (), generator=generator))
            start = int(torch.randint(0, LAYOUT.n_snippets - length + 1, (), generator=generator))
            features[video, start : start + length] += 1.5 * directions[1 + category]
            labels[video, category] = 1
            row["categories"] = [CATEGORIES[category]]
            row["events"] = [
                {
                    "start": start * FRAMES_PER_SNIPPET,
                    "end": (start + length) * FRAMES_PER_SNIPPET,
                    "category": CATEGORIES[category],
                }
            ]
        rows.append(row)
    return VideoFeatures(features, labels, rows, LAYOUT)


def measured(head: Head, videos: VideoFeatures) -> dict[str, float]:
    """Frame, within-abnormal and video AUC of the head on the videos; not a number: undefined."""
    scored = scored_videos(
        videos.rows, predict(head, videos.features, torch.device("cpu"))[0].numpy()
    )
    once = np.ones((1, len(scored)))
    found: dict[str, Values] = {
        name[0]: value for name, value in frame_metrics(scored, once).items() if len(name) == 1
    }
    found["video_auc"] = video_auc(scored, once)
    return {
        name: float(value[0]) if isinstance(value, np.ndarray) else float("nan")
        for name, value in found.items()
    }


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return one.keys() == two.keys() and all(one[name].equal(two[name]) for name in one)
