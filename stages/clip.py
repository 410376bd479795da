"""Stage `clip`: one image feature a snippet, from sampled frames or as the dataset brings it."""

from functools import partial

from pipeline import config, made_by, pieces, tables
from pipeline.devices import videos_together
from pipeline.encoders import clip
from pipeline.encoders.images import ImageEncoder
from stages import brought, per_video, program, sources
from stages.layout import PARAMS, Layout
from stages.shards import Shard


def main(dataset: str, shard: Shard | None = None) -> str:
    """Write `clip.parquet` of the dataset."""
    params = config.load(PARAMS)
    layout, runtime, source = Layout(dataset), params.runtime, params.source(dataset)
    if source.brings:
        return brought.write_table(
            layout,
            "clip",
            "image",
            source=source,
            n_snippets=params.decode.snippets,
            runtime=runtime,
            shard=shard,
        )
    make = partial(
        ImageEncoder,
        params.clip,
        device=runtime.device,
        batch_size=runtime.batch_size,
        compiling=runtime.compile,
    )
    return per_video.build_table(
        layout,
        layout.table("clip"),
        recipe=pieces.Recipe("clip", clip.IMAGE_VERSION, clip.image_identity(params.clip)),
        schema=tables.feature_piece(clip.feature_width(params.clip)),
        made_by=made_by.image_features(params.clip),
        make=make,
        sources=sources.sampled_frames(layout),
        runtime=runtime,
        gpu=True,
        together=videos_together(runtime),
        shard=shard,
    )


if __name__ == "__main__":
    program.run(main, program.SHARD, dataset=str)
