"""Stage `train`: one head, one seed, on the features of a dataset's training videos."""

import pandas as pd
import torch

from pipeline import checkpoint, config, features, training
from pipeline.atomic import write_text
from pipeline.devices import pick_device
from stages import program
from stages.layout import PARAMS, Layout


def main(dataset: str, model: str, seed: int) -> str:
    """Write `models/<model>/<seed>/`: weights, resolved config, history."""
    params = config.load(PARAMS)
    layout, device = Layout(dataset), pick_device(params.runtime.device)
    videos = features.load(layout.manifest, layout.feature_tables(list(params.features.modalities)))
    settings = checkpoint.ModelConfig(
        head=model,
        seed=seed,
        dataset=dataset,
        features=params.features.model_dump(),
        settings=getattr(params.heads, model).model_dump(),
        train=params.train.model_dump(),
        widths=videos.layout.widths,
        categories=videos.layout.categories,
        n_snippets=videos.layout.n_snippets,
        encoders={
            name: getattr(params, name).model_dump() for name in ("decode", "clip", "caption")
        },
    )
    torch.set_num_threads(params.train.threads)
    torch.manual_seed(seed)
    head = settings.build()
    train, watcher = videos.split("train"), training.TestWatcher(head, videos.split("test"), device)
    training.fit(
        head,
        train.features,
        train.labels,
        params.train,
        seed=seed,
        device=device,
        epoch_end=watcher,
    )
    folder = layout.model(model, seed)
    checkpoint.save_config(folder, settings)
    checkpoint.save_weights(folder, "last", training.weights_of(head))
    checkpoint.save_weights(folder, "best_on_test", watcher.best_weights)
    write_text(folder / "history.csv", pd.DataFrame(watcher.history).to_csv(index=False))
    return f"{folder}: {len(train.rows)} videos, {params.train.epochs} epochs"


if __name__ == "__main__":
    program.run(main, dataset=str, model=str, seed=int)
