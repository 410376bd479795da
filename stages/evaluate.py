"""Stage `evaluate`: every head and seed on the test videos: metrics, scores, curves."""

import json

import numpy as np
import pandas as pd
import torch

from pipeline import checkpoint, config, evaluation, features, pieces, tables, training
from pipeline.atomic import write_text
from pipeline.devices import pick_device
from pipeline.errors import UserError
from pipeline.metrics import floors
from stages import per_video, program
from stages.layout import PARAMS, Layout, write_json


def main(dataset: str) -> str:
    """Write `results/`: metrics.json, scores.parquet and the curves."""
    params = config.load(PARAMS)
    layout, threshold = Layout(dataset), params.evaluate.false_alarm_threshold
    modalities = layout.feature_tables(list(params.features.modalities))
    videos = features.load(layout.manifest, modalities)
    test = videos.split("test")
    if not test.rows:
        raise UserError(f"{layout.manifest}: no usable test video; nothing can be evaluated")
    runs = _runs(params, layout, test)
    metrics = evaluation.metrics_of(runs, test.rows, threshold)
    metrics["floors"] = evaluation.floors_of(_floors(params, layout, test), test.rows, threshold)
    metrics["data"] = evaluation.data_summary(
        json.loads(layout.manifest_summary.read_text(encoding="utf-8")),
        len(videos.split("train").rows),
        test.rows,
    )
    metrics["note"] = evaluation.encoder_note(params.clip, params.caption)
    write_json(layout.metrics, metrics)
    tables.write(evaluation.scores_table(runs, test.rows), layout.scores, tables.SCORES)
    curves = evaluation.curves_of(runs, test.rows) | {"training": _histories(params, layout)}
    for name, curve in curves.items():
        write_text(layout.curve(name), curve.to_csv(index=False))
    return f"{layout.metrics}: {len(test.rows)} test videos, {len(runs)} runs"


def _runs(
    params: config.Params, layout: Layout, test: features.VideoFeatures
) -> list[evaluation.Run]:
    torch.set_num_threads(params.train.threads)
    device, runs = pick_device(params.runtime.device), []
    for model in params.models:
        for seed in params.seeds:
            for name in checkpoint.CHECKPOINTS:
                head, _ = checkpoint.load(layout.model(model, seed), name)
                scores, category = training.predict(head.to(device), test.features, device)
                probability = None if category is None else category.numpy()
                runs.append(evaluation.Run(model, seed, name, scores.numpy(), probability))
    return runs


def _floors(
    params: config.Params, layout: Layout, test: features.VideoFeatures
) -> dict[str, evaluation.Floats]:
    """Untrained snippet scores (N, T) by floor."""
    wanted = {row["video_id"] for row in test.rows}
    sources = [source for source in per_video.sampled_frames(layout) if source[0] in wanted]
    recipe = pieces.Recipe("floors", floors.VERSION, {})
    computed, store = per_video.compute(recipe, tables.FLOORS, floors.make, sources, params.runtime)
    for video_id, error in computed.failed.items():
        raise UserError(f"{layout.frames_of(video_id)}: {error}; `dvc repro -f decode` mends it")
    measured = {job.video_id: store.load(job.key) for job in computed.done}
    return {
        name: np.stack([measured[row["video_id"]][name].to_numpy() for row in test.rows])
        for name in floors.NAMES
    }


def _histories(params: config.Params, layout: Layout) -> pd.DataFrame:
    parts = [
        pd.read_csv(layout.model(model, seed) / "history.csv").assign(model=model, seed=seed)
        for model in params.models
        for seed in params.seeds
    ]
    joined = pd.concat(parts)
    return joined[["model", "seed", *joined.columns.drop(["model", "seed"])]]


if __name__ == "__main__":
    program.run(main, dataset=str)
