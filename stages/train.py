"""Stage `train`: one head, one seed, on the features of a dataset's training videos."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from pipeline import checkpoint, config, features, made_by, training
from pipeline.atomic import write_text
from pipeline.devices import pick_device
from stages import feature_tables, program
from stages.layout import PARAMS, Layout


def main(dataset: str, model: str, seed: int) -> str:
    """Write `models/<model>/<seed>/`: weights, resolved config, history; or why there are none."""
    params = config.load(PARAMS)
    layout = Layout(dataset)
    brings = params.source(dataset).brings
    expected = made_by.features(params.clip, params.caption, params.text, brings)
    videos, encoders = feature_tables.load(layout, params.features.modalities, expected)
    folder = layout.model(model, seed)
    train = videos.split("train")
    if reason := training.why_not(train.targets):
        checkpoint.save_reason(folder, reason)
        print(f"not trained: {reason}", file=sys.stderr)
        return f"{folder}: not trained"
    settings = _model_config(params, videos, dataset, model, seed, encoders)
    torch.set_num_threads(params.train.threads)
    device = pick_device(params.runtime.device)
    modalities = list(videos.layout.widths)
    trained = [
        asdict(settings),
        videos.learned_from(videos.numbers("train"), modalities),
        *(videos.judged_by(videos.numbers(name), modalities) for name in ("validation", "test")),
    ]
    progress = training.Progress.of(Path(params.runtime.store), trained, device)
    head, watcher = training.train_variant(
        config.of_head(model, params.heads, params.features, params.train),
        train,
        {split: videos.split(split) for split in ("validation", "test")},
        seed=seed,
        device=device,
        progress=progress,
    )
    checkpoint.save_config(folder, settings)
    checkpoint.save_weights(folder, "last", training.weights_of(head))
    for split in watcher.watched:
        if split in watcher.best_weights:
            checkpoint.save_weights(folder, f"best_on_{split}", watcher.best_weights[split])
        else:
            print(f"no best_on_{split}: its videos are all of one kind", file=sys.stderr)
    write_text(folder / "history.csv", pd.DataFrame(watcher.history).to_csv(index=False))
    progress.remove()
    return f"{folder}: {len(train.rows)} videos, {len(watcher.history)} epochs"


def _model_config(
    params: config.Params,
    videos: features.VideoFeatures,
    dataset: str,
    model: str,
    seed: int,
    encoders: dict[str, dict[str, Any]],
) -> checkpoint.ModelConfig:
    return checkpoint.ModelConfig(
        head=model,
        seed=seed,
        dataset=dataset,
        features=params.features.model_dump(),
        settings=getattr(params.heads, model).model_dump(),
        train=params.train.model_dump(),
        widths=videos.layout.widths,
        categories=videos.layout.categories,
        n_snippets=videos.layout.n_snippets,
        decode=params.decode.model_dump(),
        encoders=encoders,
    )


if __name__ == "__main__":
    program.run(main, dataset=str, model=str, seed=int)
