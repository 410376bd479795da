"""Stage `ablation`: what each part of RefineVAD is worth, as rows of one table."""

from functools import partial
from typing import Any

from pipeline import ablation, ablation_text, config, made_by, trials
from pipeline.atomic import write_text
from stages import feature_tables, program
from stages.layout import PARAMS, Layout, write_json


def main(dataset: str) -> str:
    """Write `results/ablation.json`, and the table as CSV and Markdown; print it."""
    params = config.load(PARAMS)
    layout = Layout(dataset)
    if dataset in params.ablation.datasets:
        result = _ablate(params, layout)
    else:
        result = ablation.not_asked(params.ablation, dataset)
    write_json(layout.ablation, result)
    write_text(layout.ablation_table("csv"), ablation_text.as_csv(result))
    write_text(layout.ablation_table("md"), ablation_text.as_markdown(result))
    print(ablation_text.tables(result))
    return f"{layout.ablation}: {len(result['rows'])} rows"


def _ablate(params: config.Params, layout: Layout) -> dict[str, Any]:
    expected = made_by.features(
        params.clip, params.caption, params.text, params.source(layout.name).brings
    )
    variants = [
        config.of_row(name, row, params.heads, params.features, params.train)
        for name, row in params.ablation.rows.items()
    ]
    modalities = config.modalities_of(params.features, variants)
    load = partial(feature_tables.videos_of, layout, modalities, expected)
    videos = load()
    absent = {variant.name: ablation.why_absent(variant, videos) for variant in variants}
    without = {name: reason for name, reason in absent.items() if reason is not None}
    trained = [variant for variant in variants if variant.name not in without]
    wanted = ablation.trials(trained, params.seeds, videos)
    tried = trials.run(wanted, load, params.runtime, videos=videos)
    runs = [run for found in tried for run in found]
    return ablation.table(
        params.ablation, variants, runs, without, videos, layout.name, params.evaluate
    )


if __name__ == "__main__":
    program.run(main, dataset=str)
