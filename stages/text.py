"""Stage `text`: one text feature a snippet, from captions or as the dataset brings it."""

from functools import partial

from pipeline import config, made_by, tables
from pipeline.devices import videos_together
from pipeline.encoders import text
from stages import brought, per_video, program
from stages.layout import PARAMS, Layout
from stages.shards import Shard


def main(dataset: str, shard: Shard | None = None) -> str:
    """Write `text.parquet` of the dataset."""
    params = config.load(PARAMS)
    layout, runtime, source = Layout(dataset), params.runtime, params.source(dataset)
    if source.brings:
        return brought.write_table(
            layout,
            "text",
            "text",
            source=source,
            n_snippets=params.decode.snippets,
            runtime=runtime,
            shard=shard,
        )
    captions = layout.table("captions")
    described = made_by.check_table(
        captions, made_by.captions(params.caption), f"dvc repro -s -f caption@{dataset}"
    )
    recipe = text.recipe(params.text, params.clip)
    settings = made_by.text_features(params.caption, params.text, params.clip)
    models = made_by.models_of(described) | {"text": recipe.settings.get("model")}
    make = partial(
        text.TextEncoder,
        params.text,
        params.clip,
        device=runtime.device,
        batch_size=runtime.batch_size,
    )
    line = per_video.build_table(
        layout,
        layout.table("text"),
        recipe=recipe,
        schema=tables.text_piece(text.width(params.text, params.clip)),
        made_by=made_by.with_models(settings, models),
        make=make,
        sources=tables.read_captions(captions),
        runtime=runtime,
        gpu=True,
        together=videos_together(runtime),
        shard=shard,
    )
    return line if shard else f"{line}; {text.truncated_share(layout.table('text'))}"


if __name__ == "__main__":
    program.run(main, program.SHARD, dataset=str)
