"""Stage `tsne`: category logits of abnormal test videos in the plane, as table and pictures."""

import torch

from pipeline import config, embedding, made_by
from pipeline.atomic import write_text
from pipeline.devices import pick_device
from pipeline.report import tsne
from stages import feature_tables, program
from stages.layout import PARAMS, Layout, write_json


def main(dataset: str) -> str:
    """Write `results/tsne.csv`, `tsne.json` and a picture of each head that gives category logits.

    A head is taken with one seed: logits of different seeds are not comparable.
    """
    params = config.load(PARAMS)
    layout, settings = Layout(dataset), params.tsne
    brings = params.source(dataset).brings
    expected = made_by.features(params.clip, params.caption, params.text, brings)
    videos, encoders = feature_tables.load(layout, params.features.modalities, expected)
    torch.set_num_threads(params.train.threads)
    seed = params.seeds[0] if settings.seed is None else settings.seed
    folders = {(model, seed): layout.model(model, seed) for model in params.models}
    points, summary = embedding.of_heads(
        folders, videos.split("test"), settings, pick_device(params.runtime.device), encoders
    )
    write_text(layout.tsne, points.to_csv(index=False))
    write_json(layout.tsne_summary, summary)
    drawn = [model for model, about in summary.items() if "reason" not in about]
    layout.tsne_pictures.mkdir(parents=True, exist_ok=True)
    for former in layout.tsne_pictures.glob("*.svg"):
        former.unlink()
    for model in drawn:
        picture = tsne.picture(points, videos.layout.categories, model, summary[model])
        write_text(layout.tsne_picture(model), picture)
    return f"{layout.tsne}: {len(points)} rows, {len(drawn)} of {len(summary)} heads drawn"


if __name__ == "__main__":
    program.run(main, dataset=str)
