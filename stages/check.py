"""Check `params.yaml`, and that a dataset is named there and has its raw folder.

Not a stage of `dvc.yaml`: what `make repro DATASET=...` begins with.
"""

from pipeline import config
from pipeline.datasets.listing import files_below
from stages import program
from stages.layout import PARAMS, Layout


def main(dataset: str) -> str:
    """Raise what is wrong."""
    config.load(PARAMS).source(dataset)
    return f"{Layout(dataset).raw}: {len(files_below(Layout(dataset).raw))} files"


if __name__ == "__main__":
    program.run(main, dataset=str)
