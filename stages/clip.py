"""Stage `clip`: one image feature a snippet, from sampled frames or as the dataset brings it."""

from functools import partial

from pipeline import config, pieces, tables
from pipeline.devices import encoder_workers
from pipeline.encoders import clip
from stages import brought, per_video, program
from stages.layout import PARAMS, Layout


def main(dataset: str) -> str:
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
        )
    return per_video.build_table(
        layout,
        layout.table("clip"),
        recipe=pieces.Recipe("clip", clip.IMAGE_VERSION, clip.identity(params.clip)),
        schema=tables.feature_piece(clip.feature_width(params.clip)),
        make=partial(clip.ImageEncoder, params.clip, runtime.device, runtime.batch_size),
        sources=per_video.sampled_frames(layout),
        runtime=runtime,
        workers=encoder_workers(runtime),
    )


if __name__ == "__main__":
    program.run(main, dataset=str)
