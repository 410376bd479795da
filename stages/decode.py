"""Stage `decode`: sample each video's frames once, as JPEG, for every encoder."""

from functools import partial
from pathlib import Path

from pipeline import config, pieces, tables
from pipeline.video import decode
from stages import per_video, program
from stages.layout import PARAMS, Layout


def main(dataset: str) -> str:
    """Write `frames/<video_id>.parquet` of the readable videos, if the dataset has videos."""
    params = config.load(PARAMS)
    layout = Layout(dataset)
    rows = [] if params.source(dataset).brings else per_video.usable_rows(layout)
    sources = [
        (
            row["video_id"],
            row["sha256"],
            decode.Request(Path(row["path"]), row["sha256"], row["n_frames"]),
        )
        for row in rows
    ]
    recipe = pieces.Recipe("decode", decode.VERSION, decode.identity(params.decode))
    make = partial(decode.Sampler, params.decode)
    computed, store = per_video.compute(recipe, tables.FRAMES, make, sources, params.runtime)
    pieces.link_each(computed.done, store, layout.frames)
    return per_video.finish(computed, layout, "decode", layout.frames)


if __name__ == "__main__":
    program.run(main, dataset=str)
