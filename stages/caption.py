"""Stage `caption`: one sentence a snippet, from the sampled frames."""

from functools import partial

from pipeline import caption_quality, config, made_by, tables
from pipeline.encoders.captioners import captioner
from stages import per_video, program, sources
from stages.layout import PARAMS, Layout, write_json
from stages.shards import Shard


def main(dataset: str, shard: Shard | None = None) -> str:
    """Write `captions.parquet` of the dataset, and `captions.json`: what its captions are like."""
    params = config.load(PARAMS)
    layout, runtime, settings = Layout(dataset), params.runtime, params.caption
    out = layout.table("captions")
    if params.source(dataset).brings:
        line = per_video.write_empty(layout, "caption", out, tables.CAPTION_PIECE, shard)
        if not shard:
            write_json(layout.caption_summary, {})
        return line
    backend = captioner.BACKENDS[settings.backend]
    recipe = captioner.recipe(settings)
    models = {"caption": recipe.settings.get("model")}
    line = per_video.build_table(
        layout,
        out,
        recipe=recipe,
        schema=tables.CAPTION_PIECE,
        made_by=made_by.with_models(made_by.captions(settings), models),
        make=partial(captioner.SnippetCaptions, settings, runtime),
        sources=captioner.sources(
            settings,
            layout.raw,
            sources.usable_rows(layout),
            sources.sampled_frames(layout),
            params.decode.snippets,
        ),
        runtime=runtime,
        workers=backend.workers,
        gpu=backend.on_gpu,
        together=backend.together(runtime),
        shard=shard,
    )
    if not shard:
        found = caption_quality.of_table(out)
        write_json(layout.caption_summary, found)
        print(caption_quality.as_text(found))
    return line


if __name__ == "__main__":
    program.run(main, program.SHARD, dataset=str)
