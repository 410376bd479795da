"""Stage `text`: one text feature a snippet, from the captions."""

from functools import partial

from pipeline import config, pieces, tables
from pipeline.devices import encoder_workers
from pipeline.encoders import clip
from stages import per_video, program
from stages.layout import PARAMS, Layout


def main(dataset: str) -> str:
    """Write `text.parquet` of the dataset."""
    params = config.load(PARAMS)
    layout, runtime = Layout(dataset), params.runtime
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
