"""Stage `text`: one text feature a snippet, from captions or as the dataset brings it."""

from functools import partial

from pipeline import config, pieces, tables
from pipeline.devices import videos_together
from pipeline.encoders import clip
from pipeline.encoders.text import TextEncoder
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
    make = partial(TextEncoder, params.clip, device=runtime.device, batch_size=runtime.batch_size)
    return per_video.build_table(
        layout,
        layout.table("text"),
        recipe=pieces.Recipe("text", clip.TEXT_VERSION, clip.identity(params.clip)),
        schema=tables.feature_piece(clip.feature_width(params.clip)),
        make=make,
        sources=tables.read_captions(layout.table("captions")),
        runtime=runtime,
        gpu=True,
        together=videos_together(runtime),
        shard=shard,
    )


if __name__ == "__main__":
    program.run(main, program.SHARD, dataset=str)
