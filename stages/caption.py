"""Stage `caption`: one sentence a snippet, from the sampled frames."""

from functools import partial

from pipeline import config, pieces, tables
from pipeline.encoders.captioners import captioner
from pipeline.encoders.clip import TokenCounter
from stages import per_video, program
from stages.layout import PARAMS, Layout
from stages.shards import Shard


def main(dataset: str, shard: Shard | None = None) -> str:
    """Write `captions.parquet` of the dataset."""
    params = config.load(PARAMS)
    layout = Layout(dataset)
    if params.source(dataset).brings:
        return per_video.write_empty(
            layout, "caption", layout.table("captions"), tables.CAPTION_PIECE, shard
        )
    counter = TokenCounter(params.clip)
    settings = {"caption": params.caption.model_dump(), "context": counter.context_length}
    return per_video.build_table(
        layout,
        layout.table("captions"),
        recipe=pieces.Recipe("caption", captioner.version(params.caption), settings),
        schema=tables.CAPTION_PIECE,
        make=partial(captioner.SnippetCaptions, params.caption, params.clip),
        sources=per_video.sampled_frames(layout),
        runtime=params.runtime,
        shard=shard,
    )


if __name__ == "__main__":
    program.run(main, program.SHARD, dataset=str)
