"""Category logits of abnormal videos: in the plane by t-SNE, and what they tell of the categories.

The paper's Figure 4. Logits of different heads or seeds are not comparable, so each head is placed
by itself, and nothing is averaged.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.manifold import TSNE
from sklearn.metrics import pairwise_distances
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor

from pipeline import checkpoint
from pipeline.config import Tsne
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from pipeline.metrics.scored import Undefined
from pipeline.scoring import check_encoders
from pipeline.training import predict_prepared, prepare

Floats = npt.NDArray[np.floating[Any]]

CHECKPOINT = "last"  # nothing was chosen on test data
COLUMNS = ["model", "seed", "video_id", "category", "categories", "x", "y"]
FEWEST = 4  # videos; with fewer, (n - 1) / 3 allows no perplexity of 1
SHUFFLES = 1000


def of_heads(
    folders: Mapping[tuple[str, int], Path],
    videos: VideoFeatures,
    settings: Tsne,
    device: torch.device,
    encoders: Mapping[str, Mapping[str, Any]],
) -> tuple[pd.DataFrame, dict[str, dict[str, Any]]]:
    """The abnormal ones of `videos` as each head sees them: a row each, and a summary by head.

    `folders` gives the folder of each head and its seed (see `pipeline.checkpoint`), `encoders`
    what made the features. The table has `COLUMNS`, then the 2C logits as `<category>_normal` and
    `<category>_abnormal`; `category` is the first of a video's `categories`, which `;` joins. The
    summary holds the numbers of `place` and `agreement`, or the `reason` why a head has no rows.
    Raises `UserError` as `pipeline.scoring.score` does.
    """
    abnormal = videos.select(torch.nonzero(videos.labels.any(dim=1)).flatten().tolist())
    names = [f"{c}_{kind}" for c in videos.layout.categories for kind in ("normal", "abnormal")]
    rows = [pd.DataFrame(columns=[*COLUMNS, *names])]
    summary: dict[str, dict[str, Any]] = {}
    for (model, seed), folder in folders.items():
        about: dict[str, Any] = {
            "seed": seed,
            "checkpoint": CHECKPOINT,
            "n_videos": len(abnormal.rows),
        }
        logits = category_logits(folder, abnormal, device, encoders)
        if isinstance(logits, Undefined):
            summary[model] = about | {"reason": logits.reason}
            continue
        points, perplexity = place(logits, settings)
        about["perplexity"] = perplexity
        summary[model] = about | agreement(logits, abnormal.labels, settings.random_state)
        rows.append(_rows(model, seed, abnormal, points).join(pd.DataFrame(logits, columns=names)))
    return pd.concat(rows[1:] or rows, ignore_index=True), summary


def category_logits(
    folder: Path,
    videos: VideoFeatures,
    device: torch.device,
    encoders: Mapping[str, Mapping[str, Any]],
) -> Floats | Undefined:
    """A head's category logits (N, 2C) of abnormal videos; or why they give no picture."""
    if reason := checkpoint.why_untrained(folder):
        return Undefined(f"not trained: {reason}")
    if reason := why_not(videos.labels):
        return Undefined(reason)
    head, trained = checkpoint.load(folder, CHECKPOINT)
    check_encoders(folder, trained.encoders, encoders)
    if trained.categories != videos.layout.categories:
        raise UserError(
            f"{folder} knows the categories {trained.categories}, the dataset has "
            f"{videos.layout.categories}; `dvc repro` trains it on these"
        )
    inputs = prepare(head.to(device), videos.features, device)
    found = predict_prepared(head, inputs).category_logits  # (N, C, 2)
    if found is None:
        return Undefined("this head gives no category logits")
    logits: Floats = found.flatten(start_dim=1).numpy().astype(np.float64)  # (N, 2C)
    if not np.isfinite(logits).all():
        raise UserError(f"{folder}: category logits are not finite; lower train.lr and train again")
    if (logits == logits[0]).all():
        return Undefined("this head gives every abnormal test video the same category logits")
    return logits


def why_not(labels: Tensor) -> str | None:
    """Why abnormal videos with these labels (N, C) give no picture of categories; None: they do."""
    if len(labels) < FEWEST:
        return f"t-SNE needs {FEWEST} abnormal test videos or more; there are {len(labels)}"
    if (labels == labels[0]).all():
        return "the abnormal test videos all show the same categories; there are none to tell apart"
    return None


def place(logits: Floats, settings: Tsne) -> tuple[Floats, float]:
    """Points (N, 2) of N videos by t-SNE, and the perplexity: that of `settings` or (N - 1) / 3.

    On one thread: so few points need no more, and on busy cores several wait for one another.
    """
    perplexity = min(settings.perplexity, (len(logits) - 1) / 3)
    reducer = TSNE(
        init="pca",
        learning_rate="auto",
        perplexity=perplexity,
        random_state=settings.random_state,
    )
    with threadpool_limits(limits=1):
        points: Floats = reducer.fit_transform(logits).astype(np.float64)
    return points, perplexity


def agreement(logits: Floats, labels: Tensor, random_state: int) -> dict[str, float]:
    """How often a video's nearest other one, by Euclidean distance of logits (N, 2C), is alike.

    `neighbour_accuracy`: share of videos whose nearest neighbour has a category of theirs
    (leave-one-out; equally near ones count by their share). `chance`: its mean over all ways to
    deal the videos' labels (N, C) anew; `chance_95`: what 95 % of `SHUFFLES` such ways stay within.
    """
    n_videos = len(logits)
    distance = pairwise_distances(logits, metric="sqeuclidean")  # by differences: equal ones are 0
    np.fill_diagonal(distance, np.inf)
    one, other = np.nonzero(distance == distance.min(axis=1, keepdims=True))
    share = 1 / np.bincount(one)[one]
    alike = ((labels @ labels.T) > 0).numpy()  # (N, N), True on the diagonal
    generator = np.random.default_rng(random_state)
    orders = (generator.permutation(n_videos) for _ in range(SHUFFLES))
    shuffled = [float(share @ alike[order[one], order[other]]) / n_videos for order in orders]
    return {
        "neighbour_accuracy": float(share @ alike[one, other]) / n_videos,
        "chance": float((alike.sum() - n_videos) / (n_videos * (n_videos - 1))),
        "chance_95": float(np.quantile(shuffled, 0.95, method="higher")),
    }


def _rows(model: str, seed: int, videos: VideoFeatures, points: Floats) -> pd.DataFrame:
    shown = [row["categories"] for row in videos.rows]
    return pd.DataFrame(
        {
            "model": model,
            "seed": seed,
            "video_id": [row["video_id"] for row in videos.rows],
            "category": [names[0] for names in shown],
            "categories": [";".join(names) for names in shown],
            "x": points[:, 0],
            "y": points[:, 1],
        }
    )
