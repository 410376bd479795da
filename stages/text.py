"""Stage `text`: one text feature a snippet, from captions or as the dataset brings it."""

from functools import partial

from pipeline import config, pieces, tables
from pipeline.devices import encoder_workers
from pipeline.encoders import clip
from stages import brought, per_video, program
from stages.layout import PARAMS, Layout


def main(dataset: str) -> str:
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
        )
    return per_video.build_table(
        layout,
        layout.table("text"),
        recipe=pieces.Recipe("text", clip.TEXT_VERSION, clip.identity(params.clip)),
        schema=tables.feature_piece(clip.feature_width(params.clip)),
        make=partial(clip.TextEncoder, params.clip, runtime.device),
        sources=tables.read_captions(layout.table("captions")),
        runtime=runtime,
        workers=encoder_workers(runtime),
    )


if __name__ == "__main__":
    program.run(main, dataset=str)
