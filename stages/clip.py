"""Stage `clip`: one image feature a snippet, from the sampled frames."""

from functools import partial

from pipeline import config, pieces, tables
from pipeline.devices import encoder_workers
from pipeline.encoders import clip
from stages import per_video, program
from stages.layout import PARAMS, Layout


def main(dataset: str) -> str:
    """Write `clip.parquet` of the dataset."""
    params = config.load(PARAMS)
    layout, runtime = Layout(dataset), params.runtime
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
