"""What each part of a head is worth: rows of one table, each compared with a reference row.

Every row is trained with every seed on the training videos and judged on the test videos, all on
the same resamples of them. So a difference is paired twice: by seed, and by video.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.config import Ablation, Evaluate, Variant
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from pipeline.metrics.bootstrap import resample_weights
from pipeline.metrics.frame import frame_metrics
from pipeline.metrics.paired import Measured, against
from pipeline.metrics.scored import Floats, scored_videos
from pipeline.metrics.summary import HEADLINE, over_seeds
from pipeline.metrics.video import video_auc
from pipeline.models import registry
from pipeline.models.head import Targets
from pipeline.score_table import Run
from pipeline.training import why_not
from pipeline.trials import Trial, seen

NO_TEST_VIDEO = "there is no usable test video"


def why_absent(variant: Variant, videos: VideoFeatures) -> str | None:
    """Why a row cannot be had on these videos; None when it can."""
    try:
        seen(variant, videos)
    except UserError as error:
        return str(error)
    if reason := why_not(Targets.of(videos.labels[videos.numbers("train")])):
        return f"not trained: {reason}"
    if not videos.numbers("test"):
        return NO_TEST_VIDEO
    if variant.train.patience and not videos.numbers("validation"):
        return "train.patience needs validation videos, and there are none"
    return None


def trials(variants: Sequence[Variant], seeds: Sequence[int], videos: VideoFeatures) -> list[Trial]:
    """Each variant with each seed, in this order: trained, watched and tried as stage `train` does.

    So a row that changes nothing has the scores of that stage's heads, to the last bit.
    """
    train, validation, test = (
        tuple(videos.numbers(split)) for split in ("train", "validation", "test")
    )
    return [
        Trial(variant, seed, train, test, validation=validation)
        for variant in variants
        for seed in seeds
    ]


def table(
    settings: Ablation,
    variants: Sequence[Variant],
    runs: Sequence[Run],
    without: Mapping[str, str],
    videos: VideoFeatures,
    dataset: str,
    judging: Evaluate,
) -> dict[str, Any]:
    """Plain JSON: `rows.<row>.checkpoints.<checkpoint>.<metric>`, and what each row is.

    A metric has its mean and sample standard deviation over seeds, the values by seed and the
    bootstrap interval over test videos. `difference` has the same of the row minus the reference
    row, seed by seed and resample by resample. `without` gives by row why it has no runs.
    """
    test = videos.split("test")
    weights = resample_weights(test.targets.abnormal.numpy(), judging.resamples)
    measured: dict[tuple[str, str], dict[int, Measured]] = {}
    for run in runs:
        of_row = measured.setdefault((run.model, run.checkpoint), {})
        of_row[run.seed] = _metrics(run, test, weights, judging)
    rows: dict[str, dict[str, Any]] = {}
    for variant in variants:
        row = settings.rows[variant.name]
        rows[variant.name] = {
            "head": variant.head,
            "changes": flat({"": row.settings, "features": row.features, "train": row.train}),
            "published": row.published.get(dataset),
        }
        if variant.name in without:
            rows[variant.name] |= {"reason": without[variant.name]}
            continue
        rows[variant.name] |= {
            "parameters": n_parameters(variant, videos),
            "checkpoints": {
                checkpoint: _entry(own, measured.get((settings.reference, checkpoint)))
                for (name, checkpoint), own in measured.items()
                if name == variant.name
            },
        }
    counts = {"n_train": len(videos.numbers("train")), "n_test": len(test.rows)}
    return {"reference": settings.reference, "note": "", **counts, "rows": rows}


def not_asked(settings: Ablation, dataset: str) -> dict[str, Any]:
    """The table of a dataset that has none: no row, and what to do about it."""
    note = (
        f"No ablation of {dataset}: `ablation.datasets` in params.yaml does not name it. Add it "
        "there, then `dvc repro`."
    )
    return {"reference": settings.reference, "note": note, "n_train": 0, "n_test": 0, "rows": {}}


def _metrics(run: Run, test: VideoFeatures, weights: Floats, judging: Evaluate) -> Measured:
    """The headline metrics of one run, for each row of `weights` (1 + R, V)."""
    scored = scored_videos(test.rows, run.scores)
    found = frame_metrics(scored, weights, judging.gt_length)
    found["video_auc",] = video_auc(scored, weights)
    return {(name,): found[name,] for name in HEADLINE}


def _entry(own: Mapping[int, Measured], reference: Mapping[int, Measured] | None) -> dict[str, Any]:
    """The metrics of a row's seeds, and their difference to the same seeds of the reference."""
    entry = over_seeds(list(own.values()))
    if reference is not None and reference is not own:
        for name, difference in against(own, reference).items():
            entry[name]["difference"] = difference
    return entry


def n_parameters(variant: Variant, videos: VideoFeatures) -> int:
    """How many numbers training may change."""
    layout = videos.layout.only(seen(variant, videos))
    head = registry.build(variant.head, layout, variant.features, variant.settings)
    return sum(part.numel() for part in head.parameters() if part.requires_grad)


def flat(changes: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Nested settings as one level: `motar.shift: none`."""
    result: dict[str, Any] = {}
    for key, value in changes.items():
        name = f"{above}.{key}".strip(".")
        result |= flat(value, name) if isinstance(value, Mapping) else {name: value}
    return result
