"""Stage `crossvalidate`: every head and seed over folds of a dataset's training videos."""

from functools import partial

import torch

from pipeline import config, crossvalidation, made_by, tables
from pipeline.devices import pick_device
from pipeline.errors import UserError
from pipeline.models import registry
from stages import feature_tables, program
from stages.layout import PARAMS, Layout, write_json


def main(dataset: str) -> str:
    """Write `results/crossvalidation.json` and the scores behind it; print the metrics."""
    params = config.load(PARAMS)
    layout, device = Layout(dataset), pick_device(params.runtime.device)
    brings = params.source(dataset).brings
    expected = made_by.features(params.clip, params.caption, params.text, brings)
    videos, _ = feature_tables.load(layout, params.features.modalities, expected)
    videos = videos.split("train", "validation")
    if not videos.rows:
        raise UserError(f"{layout.manifest}: no usable training video to cross-validate on")
    plan = crossvalidation.plan(videos, params.crossvalidate)
    torch.set_num_threads(params.train.threads)
    runs = []
    for model in params.models:
        settings = getattr(params.heads, model)
        build = partial(registry.build, model, videos.layout, params.features, settings)
        for seed in params.seeds:
            scores = crossvalidation.out_of_fold(
                videos, plan, build, params.train, seed=seed, device=device
            )
            runs.append(crossvalidation.Run(model, seed, scores))
    result = crossvalidation.summary(runs, plan, params.evaluate.resamples)
    write_json(layout.crossvalidation, result)
    table = crossvalidation.scores_table(runs, plan)
    tables.write(table, layout.crossvalidation_scores, crossvalidation.SCORES)
    print(crossvalidation.as_text(result))
    return f"{layout.crossvalidation}: {len(runs)} runs of {plan.n_folds} folds"


if __name__ == "__main__":
    program.run(main, dataset=str)
