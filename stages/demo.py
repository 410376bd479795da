"""Stage `demo`: generate a dataset of `generated`, its videos and annotation files."""

from pipeline import config, demo
from pipeline.engine.local import worker_count
from pipeline.errors import UserError
from stages import program
from stages.layout import PARAMS, Layout


def main(dataset: str) -> str:
    """Write `data/<dataset>/raw`."""
    params = config.load(PARAMS)
    if dataset not in params.generated:
        known = ", ".join(params.generated) or "none"
        raise UserError(
            f"{PARAMS}: '{dataset}' is not in `generated` (known: {known}); add it there"
        )
    folder = Layout(dataset).raw
    videos = demo.generate(folder, params.generated[dataset], worker_count(params.runtime))
    return f"{folder}: {len(videos)} videos"


if __name__ == "__main__":
    program.run(main, dataset=str)
