"""Stage `decode`: sample each video's frames once, as JPEG, for every encoder."""

from functools import partial

from pipeline import config, pieces, tables
from pipeline.video import decode
from stages import per_video, program, sources
from stages.layout import PARAMS, Layout
from stages.shards import Shard


def main(dataset: str, shard: Shard | None = None) -> str:
    """Write `frames/<video_id>.parquet` of the readable videos, if the dataset has videos."""
    params = config.load(PARAMS)
    layout = Layout(dataset)
    rows = [] if params.source(dataset).brings else list(sources.usable_rows(layout))
    pieces.check_file_names(row["video_id"] for row in rows)
    return per_video.build_table(
        layout,
        layout.frames,
        recipe=pieces.Recipe("decode", decode.VERSION, decode.identity(params.decode)),
        schema=tables.FRAMES,
        make=partial(decode.Sampler, params.decode),
        sources=[(row["video_id"], *decode.source(row)) for row in rows],
        runtime=params.runtime,
        shard=shard,
        put=pieces.link_each,
    )


if __name__ == "__main__":
    program.run(main, program.SHARD, dataset=str)
