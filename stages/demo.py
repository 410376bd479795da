"""Stage `demo`: generate the demo dataset's videos and annotation files."""

from pipeline import config, demo
from pipeline.engine.local import worker_count
from stages import program
from stages.layout import PARAMS, Layout


def main() -> str:
    """Write `data/demo/raw`."""
    params = config.load(PARAMS)
    folder = Layout("demo").raw
    videos = demo.generate(folder, params.demo, worker_count(params.runtime))
    return f"{folder}: {len(videos)} videos"


if __name__ == "__main__":
    program.run(main)
