"""Stage `crossvalidate`: every head and seed over folds of a dataset's training videos."""

from collections.abc import Mapping, Sequence
from functools import partial

from pipeline import config, crossvalidation, made_by, tables, trials
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from stages import feature_tables, program
from stages.layout import PARAMS, Layout, write_json


def main(dataset: str) -> str:
    """Write `results/crossvalidation.json` and the scores behind it; print the metrics."""
    params = config.load(PARAMS)
    layout = Layout(dataset)
    brings = params.source(dataset).brings
    expected = made_by.features(params.clip, params.caption, params.text, brings)
    shared = params.heads, params.features, params.train
    variants = [config.of_head(name, *shared) for name in params.models] + [
        config.of_row(name, row, *shared) for name, row in params.crossvalidate.rows.items()
    ]
    modalities = config.modalities_of(params.features, variants)
    load = partial(_training_videos, layout, modalities, expected)
    videos = load()
    if not videos.rows:
        raise UserError(f"{layout.manifest}: no usable training video to cross-validate on")
    # By what `features` names: a row that reads more changes no fold.
    seen = trials.seen(variants[0], videos)
    plan = crossvalidation.plan(videos.only(seen), params.crossvalidate)
    wanted = crossvalidation.trials(plan, variants, params.seeds)
    tried = [found for (found,) in trials.run(wanted, load, params.runtime, videos=videos)]
    runs = crossvalidation.joined(list(zip(wanted, tried, strict=True)), videos)
    result = crossvalidation.summary(
        runs, plan, params.evaluate.resamples, params.crossvalidate.reference
    )
    write_json(layout.crossvalidation, result)
    table = crossvalidation.scores_table(runs, plan)
    tables.write(table, layout.crossvalidation_scores, tables.FOLD_SCORES)
    print(crossvalidation.as_text(result))
    return f"{layout.crossvalidation}: {len(runs)} runs of {plan.n_folds} folds"


def _training_videos(
    layout: Layout, modalities: Sequence[str], expected: Mapping[str, made_by.Settings]
) -> VideoFeatures:
    return feature_tables.load(layout, modalities, expected)[0].split("train", "validation")


if __name__ == "__main__":
    program.run(main, dataset=str)
