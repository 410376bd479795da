"""Stage `train`: one head, one seed, on the features of a dataset's training videos."""

import sys
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
    if reason := training.why_not(train.labels):
        checkpoint.save_reason(folder, reason)
        print(f"not trained: {reason}", file=sys.stderr)
        return f"{folder}: not trained"
    settings = _model_config(params, videos, dataset, model, seed, encoders)
    torch.set_num_threads(params.train.threads)
    torch.manual_seed(seed)
    head, device = settings.build(), pick_device(params.runtime.device)
    watched = {split: videos.split(split) for split in ("validation", "test")}
    watcher = training.Watcher(head, watched, device)
    training.fit(
        head,
        train.features,
        train.labels,
        params.train,
        seed=seed,
        device=device,
        epoch_end=watcher,
    )
    checkpoint.save_config(folder, settings)
    checkpoint.save_weights(folder, "last", training.weights_of(head))
    for split in watcher.watched:
        if split in watcher.best_weights:
            checkpoint.save_weights(folder, f"best_on_{split}", watcher.best_weights[split])
        else:
            print(f"no best_on_{split}: its videos are all of one kind", file=sys.stderr)
    write_text(folder / "history.csv", pd.DataFrame(watcher.history).to_csv(index=False))
    return f"{folder}: {len(train.rows)} videos, {params.train.epochs} epochs"


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
