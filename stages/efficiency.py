"""Stage `efficiency`: what every head and its encoders cost, counted and measured."""

from pathlib import Path

from pipeline import config, made_by, tables
from pipeline.devices import pick_device
from pipeline.efficiency import costs, rows, times
from stages import feature_tables, program
from stages.layout import PARAMS, Layout, write_json


def main(dataset: str) -> str:
    """Write `results/efficiency.json`; print its tables."""
    params = config.load(PARAMS)
    layout, device = Layout(dataset), pick_device(params.runtime.device)
    brings = params.source(dataset).brings
    expected = made_by.features(params.clip, params.caption, params.text, brings)
    modalities = layout.feature_tables(params.features.modalities, expected)
    for name, path in modalities.items():
        command = f"dvc repro -s -f {feature_tables.STAGES[name]}@{dataset}"
        made_by.check_table(path, expected[name], command)
    encoders = costs.Encoders(params.clip, params.text, params.caption, _some_frames(layout))
    subject = costs.Subject(
        layout=costs.layout_of(layout.manifest, modalities),
        features=params.features,
        heads={name: getattr(params.heads, name) for name in params.models},
        encoders=None if brings else encoders,
        frames_per_snippet=params.decode.frames_per_snippet,
    )
    counts = costs.counts(subject)
    measured = times.measured(
        subject,
        device=device,
        threads=params.train.threads,
        videos=params.train.batch_size,
        encoded=params.runtime.batch_size,
    )
    result = {"counts": counts, "measured": measured}
    write_json(layout.efficiency, result)
    print(rows.as_text(result))
    return f"{layout.efficiency}: {len(subject.heads)} heads"


def _some_frames(layout: Layout) -> Path | None:
    """The sampled frames of the first usable video that has any."""
    videos = tables.read(layout.manifest, tables.MANIFEST).select(["video_id", "status"])
    paths = (
        layout.frames_of(row["video_id"])
        for row in tables.iterate_rows(videos)
        if row["status"] in tables.USABLE
    )
    return next((path for path in paths if path.is_file()), None)


if __name__ == "__main__":
    program.run(main, dataset=str)
