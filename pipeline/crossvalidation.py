"""Cross-validation over the training videos: each is scored by heads that never saw it.

For choices and comparisons that must not look at the test split. Videos are judged as wholes, since
training videos have no annotated events.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline import folds, score_table, tables
from pipeline.config import Crossvalidate, Variant
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from pipeline.metrics.bootstrap import resample_weights
from pipeline.metrics.paired import Measured, against
from pipeline.metrics.ranking import PairCounts, PrecisionRecall
from pipeline.metrics.scored import Floats, FrameCounts, bag_score, scored_videos
from pipeline.metrics.summary import over_seeds
from pipeline.metrics.values import Name
from pipeline.trials import Trial

Labels = npt.NDArray[np.bool_]
METRICS = ("video_auc", "video_ap")


@dataclass(frozen=True)
class Plan:
    """Of each of N videos its fold, whether it is abnormal, and its group of near-duplicates."""

    video_ids: list[str]
    abnormal: Labels
    fold: folds.Numbers
    group: folds.Numbers

    @property
    def n_folds(self) -> int:
        """How many folds there are."""
        return int(self.fold.max()) + 1

    @property
    def duplicates(self) -> list[list[str]]:
        """The ids of near-duplicate videos, by group, sorted."""
        numbers, counts = np.unique(self.group, return_counts=True)
        members = [np.flatnonzero(self.group == number) for number in numbers[counts > 1]]
        return sorted(sorted(self.video_ids[i] for i in found) for found in members)


@dataclass(frozen=True)
class Run:
    """One head and seed: the out-of-fold bag score (N,) of each video."""

    model: str
    seed: int
    scores: Floats


def plan(videos: VideoFeatures, settings: Crossvalidate) -> Plan:
    """Folds of the videos, stratified by first category; near-duplicates share one.

    Raises `UserError` when what is left beside a fold is all normal or all abnormal.
    """
    ids = [row["video_id"] for row in videos.rows]
    strata = [row["categories"][0] if row["categories"] else "" for row in videos.rows]
    means = videos.features.mean(dim=1).numpy()
    group = folds.near_duplicates(means, settings.near_duplicates)
    fold = folds.deal(ids, strata, group, settings.folds)
    abnormal = np.array([bool(row["categories"]) for row in videos.rows], dtype=bool)
    for number in range(settings.folds):
        rest = abnormal[fold != number]
        if rest.all() or not rest.any():
            raise UserError(
                f"beside fold {number} of {settings.folds}, {int(rest.sum())} of {len(rest)} "
                "training videos are abnormal, but a head needs both kinds; add videos, or lower "
                "crossvalidate.folds"
            )
    return Plan(ids, abnormal, fold, group)


def trials(plan: Plan, variants: Sequence[Variant], seeds: Sequence[int]) -> list[Trial]:
    """Each variant and seed on each fold, in this order: trained on the others, tried on it.

    All epochs are trained (no `patience`): there is no validation split inside a fold.
    """
    parts = [plan.fold == number for number in range(plan.n_folds)]
    return [
        Trial(
            replace(variant, train=variant.train.model_copy(update={"patience": None})),
            seed,
            tuple(np.flatnonzero(~held_out).tolist()),
            tuple(np.flatnonzero(held_out).tolist()),
            watched=False,
        )
        for variant in variants
        for seed in seeds
        for held_out in parts
    ]


def joined(tried: Sequence[tuple[Trial, score_table.Run]], videos: VideoFeatures) -> list[Run]:
    """The out-of-fold bag scores of each variant and seed, from those of the folds."""
    runs: dict[tuple[str, int], Floats] = {}
    for trial, run in tried:
        scores = runs.setdefault((run.model, run.seed), np.full(len(videos.rows), np.nan))
        rows = [videos.rows[i] for i in trial.test]
        scores[list(trial.test)] = [bag_score(v) for v in scored_videos(rows, run.scores)]
    return [Run(model, seed, scores) for (model, seed), scores in runs.items()]


def summary(
    runs: Sequence[Run], plan: Plan, resamples: int, reference: str | None = None
) -> dict[str, Any]:
    """Plain JSON: `models.<model>.<metric>` of the joined folds, and what it rests on.

    Each metric has its mean and sample standard deviation over seeds, a bootstrap interval over
    videos, and the values by seed and by fold (null for a fold of one kind of video alone);
    its `difference` to the model named `reference` has the same, on the same resamples.
    """
    weights = resample_weights(plan.abnormal, resamples)
    parts = np.array([plan.fold == number for number in range(plan.n_folds)], dtype=float)
    models: dict[str, dict[str, Any]] = {}
    measured: dict[str, dict[int, Measured]] = {}
    for run in runs:
        of_model = measured.setdefault(run.model, {})
        of_model[run.seed] = _metrics(_units(run, plan), weights)
    for model, own in measured.items():
        models[model] = over_seeds(list(own.values()))
        if reference in measured and model != reference:
            for name, difference in against(own, measured[reference]).items():
                models[model][name]["difference"] = difference
        of_seeds = [_units(run, plan) for run in runs if run.model == model]
        by_fold = [_metrics(units, parts) for units in of_seeds]
        for name, entry in models[model].items():
            entry["per_fold"] = [
                [None if np.isnan(value) else float(value) for value in found[(name,)]]
                for found in by_fold
            ]
    return {
        "models": models,
        "reference": reference,
        "n_videos": len(plan.video_ids),
        "n_abnormal": int(plan.abnormal.sum()),
        "folds": np.bincount(plan.fold).tolist(),
        "near_duplicates": plan.duplicates,
    }


def _units(run: Run, plan: Plan) -> FrameCounts:
    """Videos as if each were a single frame."""
    abnormal = plan.abnormal.astype(float)
    return FrameCounts(run.scores, np.arange(len(abnormal)), abnormal, 1 - abnormal)


def _metrics(units: FrameCounts, weights: Floats) -> dict[Name, Floats]:
    """ROC area and average precision (R,) of videos, not a number where all are of one kind."""
    auc = PairCounts(units, len(units.score)).auc(weights)
    ap, _ = PrecisionRecall(units).areas(weights)
    return {("video_auc",): auc, ("video_ap",): np.where(np.isnan(auc), np.nan, ap)}


def scores_table(runs: Sequence[Run], plan: Plan) -> pa.Table:
    """All out-of-fold scores, schema `tables.FOLD_SCORES`, a row a head, seed and video."""
    n_videos = len(plan.video_ids)
    columns = [
        np.repeat([run.model for run in runs], n_videos),
        np.repeat([run.seed for run in runs], n_videos),
        np.tile(plan.fold, len(runs)),
        np.tile(plan.video_ids, len(runs)),
        np.tile(plan.abnormal, len(runs)),
        np.concatenate([run.scores for run in runs]),
    ]
    arrays = [
        pa.array(values, field.type)
        for values, field in zip(columns, tables.FOLD_SCORES, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=tables.FOLD_SCORES)


def as_text(result: dict[str, Any]) -> str:
    """`summary`'s metrics as a table for the terminal."""
    lines = [f"{'':40}" + "".join(f"{name:>24}" for name in METRICS)]
    for model, values in result["models"].items():
        cells = [_cell(values[name]) for name in METRICS]
        lines.append(f"{model:40}" + "".join(f"{cell:>24}" for cell in cells))
        bounds = [values[name].get("interval") for name in METRICS]
        if all(bounds):
            texts = [f"{low:.3f} to {high:.3f}" for low, high in bounds]
            lines.append(f"{'  95 % interval over videos':40}" + "".join(f"{t:>24}" for t in texts))
        if "difference" in values[METRICS[0]]:
            texts = [_ahead(values[name]["difference"]) for name in METRICS]
            lines.append(
                f"{'  minus ' + result['reference']:40}" + "".join(f"{t:>24}" for t in texts)
            )
    grouped = sum(len(group) for group in result["near_duplicates"])
    lines.append(
        f"{result['n_videos']} training videos ({result['n_abnormal']} abnormal) in "
        f"{len(result['folds'])} folds; {grouped} of them in {len(result['near_duplicates'])} "
        "groups of near-duplicates, each in one fold"
    )
    return "\n".join(lines)


def _cell(entry: dict[str, Any]) -> str:
    spread = f" ± {entry['std']:.3f}" if len(entry["per_seed"]) > 1 else ""
    return f"{entry['mean']:.3f}{spread}"


def _ahead(difference: dict[str, Any]) -> str:
    bounds = difference.get("interval")
    within = f" [{bounds[0]:+.3f}, {bounds[1]:+.3f}]" if bounds else ""
    return f"{difference['mean']:+.3f}{within}"
