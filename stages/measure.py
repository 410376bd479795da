"""Metrics of a score table that another program wrote, on a dataset's test videos.

Not a stage of `dvc.yaml`. The table (Parquet or CSV) has the columns video_id, snippet and score,
and may have model, seed, checkpoint and (Parquet) category_prob.
"""

from pathlib import Path

import pandas as pd

from pipeline import config, evaluation, score_table, tables
from pipeline.errors import UserError
from pipeline.metrics.summary import as_text
from stages import program
from stages.layout import PARAMS, Layout, write_json


def main(dataset: str, scores: Path) -> str:
    """Print the headline metrics; write all of them beside the table."""
    params, layout = config.load(PARAMS), Layout(dataset)
    manifest = tables.read(layout.manifest, tables.MANIFEST).to_pylist()
    rows = [row for row in manifest if row["status"] in tables.USABLE and row["split"] == "test"]
    if not rows:
        raise UserError(f"{layout.manifest}: no usable test video, so nothing can be measured")
    about = tables.metadata(layout.manifest)
    categories, spans = about["categories"], about["normal_spans"]
    runs = score_table.read_runs(_read(scores), rows, categories, str(scores))
    metrics = evaluation.metrics_of(runs, rows, categories, params.evaluate, normal_spans=spans)
    if not runs:
        raise UserError(f"{scores} holds no score; expected a row for each snippet of each video")
    metrics["floors"] = {}
    metrics["data"] = evaluation.truth_summary(rows, categories, params.evaluate)
    metrics["note"] = (
        f"Scores of {scores}, {runs[0].scores.shape[1]} snippets a video; ground truth of "
        f"{layout.manifest}, gt_length: {params.evaluate.gt_length}."
    )
    print(as_text(metrics))
    out = scores.with_suffix(".metrics.json")
    write_json(out, metrics)
    return f"{out}: {len(rows)} test videos, {len(runs)} runs"


def _read(path: Path) -> pd.DataFrame:
    names = {"video_id": str, "model": str, "checkpoint": str}
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=names, keep_default_na=False, index_col=False)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; give the path of a score table") from None
    except (OSError, ValueError) as error:  # the parsers' errors are ValueErrors
        raise UserError(f"{path} is no readable table (.parquet, or CSV): {error}") from error


if __name__ == "__main__":
    program.run(main, dataset=str, scores=Path)
