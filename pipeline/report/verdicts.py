"""What a model makes of a video: mean scores outside and inside events, and a category."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.errors import UserError
from pipeline.report.results import Results

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """Means over frames and seeds, None where there is no frame; no category is `''`."""

    model: str
    colour: int
    outside: float | None
    inside: float | None
    predicted: str


def judge(
    results: Results,
    rows: pd.DataFrame,
    scores: Scores,
    spans: list[tuple[int, int]],
    video: dict[Any, Any],
) -> Verdict:
    """The verdict of one model, from its `rows` and mean `scores` (T,) over the snippets' `spans`.

    An abnormal video without annotated events gets no means: its event may be anywhere.
    """
    model = str(rows["model"].iloc[0])
    outside = inside = None
    if len(video["events"]) or not len(video["categories"]):
        in_event = frames_inside(spans, list(video["events"]), int(video["n_frames"]))
        lengths = np.array([end - start for start, end in spans])
        outside, inside = _weighted(scores, lengths - in_event), _weighted(scores, in_event)
    return Verdict(model, results.models.index(model), outside, inside, predicted(results, rows))


def frames_inside(
    spans: list[tuple[int, int]], events: list[dict[str, Any]], n_frames: int
) -> npt.NDArray[np.int64]:
    """How many frames of each snippet lie in an event: (T,)."""
    abnormal = np.zeros(n_frames + 1, dtype=np.int64)
    for event in events:
        abnormal[event["start"] + 1 : event["end"] + 1] = 1
    before = abnormal.cumsum()  # (n_frames + 1,): abnormal frames before frame i
    return np.array([before[end] - before[start] for start, end in spans])


def _weighted(scores: Scores, weights: npt.NDArray[np.int64]) -> float | None:
    return float(np.average(scores, weights=weights)) if weights.any() else None


def predicted(results: Results, rows: pd.DataFrame) -> str:
    """The category of the highest mean probability, `''` for a head without categories."""
    probabilities = [np.asarray(row, dtype=np.float64) for row in rows["category_prob"]]
    if not len(probabilities[0]):
        return ""
    mean = np.mean(probabilities, axis=0)  # (n_categories,)
    if len(mean) != len(results.categories):
        raise UserError(
            f"model '{rows['model'].iloc[0]}' gives {len(mean)} category probabilities, but "
            f"{results.dataset} has {len(results.categories)} categories; train again"
        )
    return f"{results.categories[int(mean.argmax())]} ({mean.max():.2f})"


def by_model(models: list[str], verdicts: list[Verdict], name: str) -> str:
    """A mean of each model of the page as a JSON list for sorting, null where there is none."""
    found = {verdict.model: getattr(verdict, name) for verdict in verdicts}
    values = [found.get(model) for model in models]
    return json.dumps([None if value is None else round(value, 6) for value in values])
