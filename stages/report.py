"""Stage `report`: one self-contained page of a dataset's results."""

import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline import caption_quality, config, tables
from pipeline.atomic import write_text
from pipeline.digests import installed
from pipeline.report import page, thumbnails, tsne
from stages import program
from stages.layout import PARAMS, Layout

PACKAGES = ("torch", "open_clip_torch", "decord", "numpy", "pandas", "pyarrow", "scikit-learn")
OTHER = ("crossvalidate", "ablation", "transfer")  # experiments beside these results
PER_VIDEO_STAGES = ("decode", "clip", "caption", "text")


def main(dataset: str) -> str:
    """Write `results/report.html`."""
    params = config.load(PARAMS)
    layout = Layout(dataset)
    skipped = [tables.read(layout.skipped(stage), tables.SKIPPED) for stage in PER_VIDEO_STAGES]
    results = page.Results(
        dataset=dataset,
        metrics=_read_json(layout.metrics),
        listing=_read_json(layout.manifest_summary),
        listing_path=str(layout.manifest_summary),
        scores=tables.read(layout.scores, tables.SCORES).to_pandas(),
        manifest=tables.read(layout.manifest, tables.MANIFEST).to_pandas(),
        captions=tables.read(layout.table("captions"), tables.CAPTIONS).to_pandas(),
        on_captions=_on_captions(layout),
        skipped=pd.concat([table.to_pandas() for table in skipped]),
        roc=pd.read_csv(layout.curve("roc")),
        pr=pd.read_csv(layout.curve("pr")),
        training=pd.read_csv(layout.curve("training")),
        tsne=tsne.read(layout.tsne),
        on_tsne=_read_json(layout.tsne_summary),
        ablation=_read_json(layout.ablation),
        categories=tables.metadata(layout.manifest)["categories"],
        settings=_settings(params, dataset),
        versions=_versions(),
        thumbnails=_thumbnails(params, layout),
        efficiency=_read_json(layout.efficiency) if layout.efficiency.exists() else {},
    )
    write_text(layout.report, page.render(results))
    return f"{layout.report}: {layout.report.stat().st_size / 1e6:.1f} MB"


def _on_captions(layout: Layout) -> list[str]:
    """What the captions are like; nothing where the dataset brings features in place of videos."""
    found = _read_json(layout.caption_summary)
    return caption_quality.as_text(found).splitlines() if found else []


def _read_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _thumbnails(params: config.Params, layout: Layout) -> Callable[[str], list[bytes]]:
    """What gives a video's pictures; none where the dataset brings features in place of videos."""
    if params.source(layout.name).brings:
        return lambda video_id: []
    count, height = params.report.thumbnails, params.report.thumbnail_height
    return lambda video_id: thumbnails.pick(
        tables.read(layout.frames_of(video_id), tables.FRAMES), count, height
    )


def _settings(params: config.Params, dataset: str) -> dict[str, object]:
    """What shaped these results: everything but other datasets, other heads and the runtime."""
    settings = params.model_dump(exclude={"runtime", "generated", "datasets", "report", *OTHER})
    settings["sources"] = {dataset: settings["sources"][dataset]}
    settings["heads"] = {name: settings["heads"][name] for name in params.models}
    return settings


def _versions() -> dict[str, str]:
    return {"python": platform.python_version()} | installed(*PACKAGES)


if __name__ == "__main__":
    program.run(main, dataset=str)
