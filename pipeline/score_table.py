"""Scores of heads on test videos, and the table that they are kept in."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipeline import tables
from pipeline.errors import UserError
from pipeline.metrics.summary import NOT_MODELS
from pipeline.video.snippets import edges

Rows = Sequence[Mapping[str, Any]]
Floats = npt.NDArray[np.floating[Any]]
RUN = ["model", "seed", "checkpoint"]


@dataclass(frozen=True)
class Run:
    """One head, seed and checkpoint on N test videos: scores (N, T), categories (N, C) or None."""

    model: str
    seed: int
    checkpoint: str
    scores: Floats
    category_prob: Floats | None


def of_runs(runs: Sequence[Run], rows: Rows) -> pa.Table:
    """All runs' snippet scores, schema `tables.SCORES`; `rows` are the videos' manifest rows."""
    entries = []
    for run in runs:
        for number, row in enumerate(rows):
            cuts = edges(row["n_frames"], run.scores.shape[1])
            probability = [] if run.category_prob is None else run.category_prob[number].tolist()
            entries += [
                {
                    "model": run.model,
                    "seed": run.seed,
                    "checkpoint": run.checkpoint,
                    "video_id": row["video_id"],
                    "snippet": snippet,
                    "start": cuts[snippet],
                    "end": cuts[snippet + 1],
                    "score": score,
                    "category_prob": probability,
                }
                for snippet, score in enumerate(run.scores[number].tolist())
            ]
    return pa.Table.from_pylist(entries, schema=tables.SCORES)


def read_runs(table: pd.DataFrame, rows: Rows, categories: Sequence[str], name: str) -> list[Run]:
    """The runs of a score table, checked against the test videos' manifest rows.

    Needs the columns `video_id`, `snippet` and `score`; `model`, `seed`, `checkpoint` tell runs
    apart where they are there, `category_prob` (a list of C numbers) is the video's, `start` and
    `end` are the snippets' frames. No rows give no runs.

    Raises `UserError` (`name` is the table's in messages) when a run misses a video or a snippet,
    has one twice, one that is no test video or one of other frames, or a score that is not finite.
    """
    for column in ("video_id", "snippet", "score"):
        if column not in table:
            raise UserError(f"{name}: no column '{column}', found {', '.join(map(str, table))}")
    named = {"model": "scores", "seed": "0", "checkpoint": "last"}
    table = table.assign(**{key: value for key, value in named.items() if key not in table})
    table = _checked_cells(table, name)
    for model in sorted(set(table["model"]) & set(NOT_MODELS)):
        raise UserError(f"{name}: '{model}' stands for something else in metrics; rename the model")
    return [
        _run(part, rows, categories, f"{name}, {' '.join(map(str, key))}", key)
        for key, part in table.groupby(RUN, sort=False)
    ]


def _checked_cells(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The table with numbers in its columns of numbers; a score that is none is not a number.

    Raises `UserError` naming the row (from 1) without a name, or whose snippet or seed is no whole
    number.
    """
    for column in ("video_id", "model", "checkpoint"):
        for row in np.flatnonzero(table[column].isna()):
            raise UserError(f"{name}, row {row + 1}: no {column}")
    whole = {
        column: pd.to_numeric(table[column], errors="coerce") for column in ("snippet", "seed")
    }
    for column, numbers in whole.items():
        for row in np.flatnonzero(numbers % 1 != 0):  # true of what is no number, too
            raise UserError(
                f"{name}, row {row + 1}: {column} must be a whole number, "
                f"found {table[column].iloc[row]}"
            )
        whole[column] = numbers.astype(np.int64)
    return table.assign(**whole, score=pd.to_numeric(table["score"], errors="coerce"))


def _run(part: pd.DataFrame, rows: Rows, categories: Sequence[str], where: str, key: Any) -> Run:
    n_snippets = int(part["snippet"].max()) + 1
    place = {row["video_id"]: number for number, row in enumerate(rows)}
    _check_videos(part, place, where)
    ordered = part.assign(place=part["video_id"].map(place))
    ordered = ordered.sort_values(["place", "snippet"], kind="stable")
    _check_snippets(ordered, n_snippets, where)
    _check_frames(ordered, rows, n_snippets, where)
    scores = ordered["score"].to_numpy(np.float64).reshape(len(rows), n_snippets)
    probability = None
    if "category_prob" in ordered:
        probability = _probabilities(ordered, n_snippets, len(categories), where)
    return Run(str(key[0]), int(key[1]), str(key[2]), scores, probability)


def _check_videos(part: pd.DataFrame, place: Mapping[str, int], where: str) -> None:
    found = dict.fromkeys(part["video_id"])
    absent = [video_id for video_id in place if video_id not in found]
    unknown = [str(video_id) for video_id in found if video_id not in place]
    if absent:
        raise UserError(
            f"{where}: {len(absent)} of {len(place)} test videos have no score ({_some(absent)}); "
            "score them too, or leave them out of the dataset's test split"
        )
    if unknown:
        raise UserError(f"{where}: {len(unknown)} videos are no test videos ({_some(unknown)})")


def _check_snippets(ordered: pd.DataFrame, n_snippets: int, where: str) -> None:
    """Raise unless each video has snippets 0..T-1 once, with finite scores."""
    for video_id, snippets in ordered.groupby("video_id", sort=False)["snippet"]:
        times = Counter(snippets.tolist())
        missing = list(islice((i for i in range(n_snippets) if i not in times), 6))
        wrong = [i for i, count in times.items() if count > 1 or i < 0]
        if missing or wrong:
            what = "missing" if missing else "repeated or below 0"
            raise UserError(
                f"{where}: {video_id} must have the snippets 0 to {n_snippets - 1}, each once; "
                f"{what}: {_some(missing or wrong)}"
            )
    wrong = ordered[~np.isfinite(ordered["score"].to_numpy(np.float64))]
    if len(wrong):
        video_id, snippet = wrong.iloc[0][["video_id", "snippet"]]
        raise UserError(
            f"{where}: {len(wrong)} scores are not finite numbers, the first is that of "
            f"{video_id}, snippet {snippet}"
        )


def _check_frames(ordered: pd.DataFrame, rows: Rows, n_snippets: int, where: str) -> None:
    """Raise unless the columns `start` and `end`, where they are, are the snippets' frames."""
    cuts = np.array([edges(row["n_frames"], n_snippets) for row in rows])  # (N, T + 1)
    for column, expected in (("start", cuts[:, :-1].ravel()), ("end", cuts[:, 1:].ravel())):
        if column not in ordered:
            continue
        for wrong in np.flatnonzero(ordered[column].to_numpy() != expected):
            video_id, snippet, found = ordered.iloc[wrong][["video_id", "snippet", column]]
            raise UserError(
                f"{where}: {video_id}, snippet {snippet} of {n_snippets}: {column} is {found}, "
                f"expected {expected[wrong]}; is a snippet missing, or the video another?"
            )


def _probabilities(
    ordered: pd.DataFrame, n_snippets: int, n_categories: int, where: str
) -> Floats | None:
    """Category probabilities of the videos (N, C); None where every list is empty."""
    lists = ordered["category_prob"].tolist()
    if strange := [each for each in lists if not isinstance(each, list | np.ndarray)]:
        raise UserError(
            f"{where}: category_prob must be a list of numbers, found {strange[0]!r}; "
            "CSV cannot hold lists, Parquet can"
        )
    lengths = {len(numbers) for numbers in lists}
    if lengths == {0}:
        return None
    if lengths != {n_categories}:
        raise UserError(
            f"{where}: category_prob must hold {n_categories} numbers, the dataset's categories "
            f"in order, or none; found lengths {sorted(lengths)}"
        )
    numbers = np.array(lists, dtype=np.float64).reshape(-1, n_snippets, n_categories)
    if not np.isfinite(numbers).all() or (numbers != numbers[:, :1]).any():
        raise UserError(
            f"{where}: category_prob is the video's: finite, and the same in all its snippets"
        )
    first: Floats = numbers[:, 0]
    return first


def _some(names: Sequence[object]) -> str:
    text = ", ".join(map(str, names[:5]))
    return text if len(names) <= 5 else f"{text}, ..."
