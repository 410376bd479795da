"""What heads trained on one dataset are worth on another (RefineVAD, Table 4).

Three ways to score the target's test videos: heads trained on the target; heads whose CORE is that
of the source, frozen, and whose rest is trained on the target without its categories; and
heads of the source as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline import checkpoint, evaluation
from pipeline.ablation import why_absent
from pipeline.config import Evaluate, Variant
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from pipeline.metrics.summary import HEADLINE
from pipeline.score_table import Run
from pipeline.training import FrozenCore
from pipeline.trials import Trial

ROWS = ("trained on target", "CORE frozen", "no training")
METRICS = (*HEADLINE, "false_alarm_rate")


def trained(folders: Mapping[tuple[str, int], Path]) -> dict[tuple[str, int], Path]:
    """Those of the folders that hold a head, not the reason why there is none."""
    return {key: own for key, own in folders.items() if checkpoint.why_untrained(own) is None}


def trials(
    variants: Sequence[Variant],
    folders: Mapping[tuple[str, int], Path],
    videos: VideoFeatures,
    what: str,
) -> list[Trial]:
    """A trial for each head of the source (in `folders`, by name and seed) that has a CORE.

    `what` of it is frozen: a key of `pipeline.training.frozen.PARTS`. There is none of a variant
    that cannot be trained on the target's videos (see `reasons`), nor of an untrained source.
    """
    train, validation, test = (
        tuple(videos.numbers(split)) for split in ("train", "validation", "test")
    )
    cores = {key: FrozenCore.of(folder, what) for key, folder in trained(folders).items()}
    return [
        Trial(variant, seed, train, test, validation=validation, core=core)
        for variant in variants
        for (model, seed), core in cores.items()
        if model == variant.name and core is not None and why_absent(variant, videos) is None
    ]


def reasons(
    variants: Sequence[Variant],
    videos: VideoFeatures,
    at_source: Mapping[str, str],
    at_target: Mapping[str, str],
) -> dict[str, str]:
    """Why rows of the table have no numbers, by row.

    `at_source` and `at_target` say by head why none was trained there, and `videos` are the
    target's, on which a head with the source's CORE is to be trained.
    """
    found: dict[str, str] = {}
    for variant in variants:
        name = variant.name
        no_head = f"head of the source: {at_source[name]}" if name in at_source else None
        has_core = hasattr(variant.settings, "core")
        own = {
            "trained on target": at_target.get(name),
            "CORE frozen": (no_head or why_absent(variant, videos)) if has_core else None,
            "no training": no_head,
        }
        found |= {f"{name}: {row}": reason for row, reason in own.items() if reason}
    return found


def check_fits(folder: Path, videos: VideoFeatures) -> None:
    """Raise `UserError` unless the head in `folder` can read these videos' features."""
    expected = checkpoint.load(folder, "last")[1].layout
    for name in ("widths", "n_snippets"):
        theirs, own = getattr(expected, name), getattr(videos.layout, name)
        if theirs != own:
            raise UserError(
                f"{folder}: its head was trained on features of {name} {theirs}, those of the "
                f"target have {own}; make both with the same settings (`dvc repro`)"
            )


def named(runs: Sequence[Run], row: str) -> list[Run]:
    """Runs under the name of their row of the table, one of `ROWS`.

    Without categories: those of two rows are the source's, and the table has no metric of them.
    """
    return [replace(run, model=f"{run.model}: {row}", category_prob=None) for run in runs]


def summary(
    runs: Sequence[Run], without: Mapping[str, str], videos: VideoFeatures, settings: Evaluate
) -> dict[str, Any]:
    """`{row: {checkpoint: {metric: {mean, std, per_seed, interval}}}}` on the test videos.

    Rows that have no runs are `{row: {"reason": text}}` (see `reasons`).
    """
    test = videos.split("test").rows
    found = evaluation.metrics_of(runs, test, videos.layout.categories, settings)
    rows: dict[str, Any] = {row: {"reason": reason} for row, reason in without.items()}
    for row, own in found.items():
        rows[row] = {name: {key: values[key] for key in METRICS} for name, values in own.items()}
    return {row: rows[row] for row in sorted(rows, key=_place)}


def _place(row: str) -> tuple[str, int]:
    model, _, way = row.partition(": ")
    return model, ROWS.index(way)


def as_text(result: Mapping[str, Any]) -> str:
    """The table for the terminal: `last` of every row, then the others."""
    lines = [
        f"{result['source']} -> {result['target']}, {result['n_test']} test videos",
        f"{'':44}" + "".join(f"{name:>18}" for name in HEADLINE),
    ]
    for row, checkpoints in result["rows"].items():
        if "reason" in checkpoints:
            lines.append(f"{row}: not available: {checkpoints['reason']}")
            continue
        for name, values in checkpoints.items():
            cells = [_cell(values[metric]) for metric in HEADLINE]
            lines.append(f"{f'{row}, {name}':44}" + "".join(f"{cell:>18}" for cell in cells))
    return "\n".join(lines)


def _cell(entry: Mapping[str, Any]) -> str:
    if entry["mean"] is None:
        return "-"
    spread = f" ± {entry['std']:.3f}" if len(entry["per_seed"]) > 1 else ""
    return f"{entry['mean']:.3f}{spread}"
