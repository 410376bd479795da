"""Stage `manifest`: list a dataset's videos, probe each file, write the manifest."""

import sys

from pipeline import config, pieces, tables
from pipeline.datasets import manifest
from stages import per_video, program
from stages.layout import PARAMS, Layout, write_json


def main(dataset: str) -> str:
    """Write `manifest.parquet` and `manifest.json` of the dataset."""
    params = config.load(PARAMS)
    layout, source = Layout(dataset), params.source(dataset)
    listing = manifest.list_videos(layout.raw, source)
    reader = manifest.reader(source)
    digests, errors = reader.digests(listing.videos)
    sources = reader.sources(listing.videos, digests)
    computed, store = per_video.compute(
        reader.recipe, tables.PROBE, reader.make, sources, params.runtime
    )
    errors |= computed.failed
    share = params.runtime.max_failed_share
    pieces.check_failures(errors, len(listing.videos), "manifest", share)
    probes = {job.video_id: store.load(job.key).to_pylist()[0] for job in computed.done}
    table, clipped = manifest.build(listing, digests, probes, errors)
    metadata = {"categories": listing.categories, "normal_spans": listing.normal_spans}
    tables.write(table, layout.manifest, tables.MANIFEST, metadata)
    summary = manifest.summary(listing, table, clipped)
    write_json(layout.manifest_summary, summary)
    for video_id, error in sorted(errors.items()):
        print(f"left out: {video_id}: {error}", file=sys.stderr)
    for note in listing.notes:
        print(f"note: {note}", file=sys.stderr)
    return f"{layout.manifest}: {manifest.summary_line(summary)}"


if __name__ == "__main__":
    program.run(main, dataset=str)
