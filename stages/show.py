"""Print the headline metrics of the datasets in `params.yaml` and where their results lie.

Not a stage of `dvc.yaml`: what `make repro` ends with.
"""

import json

from pipeline import config
from pipeline.metrics.summary import as_text
from stages import program
from stages.layout import PARAMS, Layout


def main() -> str:
    """One table a dataset."""
    for dataset in config.load(PARAMS).datasets:
        layout = Layout(dataset)
        if not layout.metrics.exists():
            print(f"{dataset}: no metrics yet")
            continue
        print(f"\n{dataset}\n")
        print(as_text(json.loads(layout.metrics.read_text(encoding="utf-8"))))
        print(f"\nmetrics  {layout.metrics}\nscores   {layout.scores}\npage     {layout.report}")
    return ""


if __name__ == "__main__":
    program.run(main)
