"""Stage `evaluate`: every head and seed on the test videos: metrics, scores, curves."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pipeline import (
    checkpoint,
    config,
    evaluation,
    features,
    made_by,
    pieces,
    score_table,
    scoring,
    tables,
)
from pipeline.atomic import write_text
from pipeline.devices import pick_device
from pipeline.errors import UserError
from pipeline.metrics import floors
from pipeline.metrics.scored import Floats
from pipeline.metrics.summary import headline
from stages import feature_tables, per_video, program, sources
from stages.layout import PARAMS, Layout, write_json


def main(dataset: str) -> str:
    """Write `results/`: metrics.json, scores.parquet and the curves."""
    params = config.load(PARAMS)
    layout, settings = Layout(dataset), params.evaluate
    brings = params.source(dataset).brings
    expected = made_by.features(params.clip, params.caption, params.text, brings)
    videos, encoders = feature_tables.load(layout, params.features.modalities, expected)
    test, categories = videos.split("test"), videos.layout.categories
    torch.set_num_threads(params.train.threads)
    folders = {(m, seed): layout.model(m, seed) for m in params.models for seed in params.seeds}
    runs, without = scoring.score(folders, test, pick_device(params.runtime.device), encoders)
    tables.write(score_table.of_runs(runs, test.rows), layout.scores, tables.SCORES)
    # the metrics are those of the table as any reader finds it
    table = tables.read(layout.scores, tables.SCORES).to_pandas()
    runs = score_table.read_runs(table, test.rows, categories, str(layout.scores))
    spans = tables.metadata(layout.manifest)["normal_spans"]
    metrics = evaluation.metrics_of(
        runs, test.rows, categories, settings, without, normal_spans=spans
    )
    metrics["floors"] = evaluation.floors_of(_floors(params, layout, test), test.rows, settings)
    summary = json.loads(layout.manifest_summary.read_text(encoding="utf-8"))
    metrics["data"] = evaluation.data_summary(summary, videos, settings)
    metrics["note"] = evaluation.encoder_note(params.clip, params.caption, params.text, brings)
    write_json(layout.metrics, metrics)
    write_json(layout.headline, headline(metrics))
    curves = evaluation.curves_of(runs, test.rows, settings)
    for name, curve in (curves | {"training": _histories(folders)}).items():
        write_text(layout.curve(name), curve.to_csv(index=False))
    return f"{layout.metrics}: {len(test.rows)} test videos, {len(runs)} runs"


def _floors(
    params: config.Params, layout: Layout, test: features.VideoFeatures
) -> dict[str, Floats]:
    """Untrained snippet scores (N, T) by floor; none where there are no frames to measure."""
    wanted = {row["video_id"] for row in test.rows}
    found = [source for source in sources.sampled_frames(layout) if source[0] in wanted]
    if not found:
        return {}
    recipe = pieces.Recipe("floors", floors.VERSION, {})
    computed, store = per_video.compute(recipe, tables.FLOORS, floors.make, found, params.runtime)
    for video_id, error in computed.failed.items():
        raise UserError(f"{layout.frames_of(video_id)}: {error}; `dvc repro -f decode` mends it")
    measured = {job.video_id: store.load(job.key) for job in computed.done}
    return {
        name: np.stack([measured[row["video_id"]][name].to_numpy() for row in test.rows])
        for name in floors.NAMES
    }


def _histories(folders: dict[tuple[str, int], Path]) -> pd.DataFrame:
    parts = [
        pd.read_csv(folder / "history.csv").assign(model=model, seed=seed)
        for (model, seed), folder in folders.items()
        if checkpoint.why_untrained(folder) is None
    ]
    columns = ["model", "seed", "epoch", "loss"]
    return pd.concat(parts) if parts else pd.DataFrame(columns=columns)


if __name__ == "__main__":
    program.run(main, dataset=str)
