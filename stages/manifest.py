"""Stage `manifest`: list a dataset's videos, probe each file, write the manifest."""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from pipeline import config, pieces, tables
from pipeline.datasets import manifest
from pipeline.datasets.known_digests import KnownDigests
from stages import endings, per_video, program, refilling
from stages.layout import PARAMS, Layout, write_json
from stages.shards import Shard

REHASH = program.Option(
    "--rehash",
    {
        "action": "store_true",
        "help": "read every file again, also those whose size and time are the same",
    },
)


def main(dataset: str, shard: Shard | None = None, rehash: bool = False) -> str:
    """Write `manifest.parquet` and `manifest.json` of the dataset."""
    params = config.load(PARAMS)
    layout, source = Layout(dataset), params.source(dataset)
    listing = manifest.list_videos(layout.raw, source)
    videos = [v for v in listing.videos if shard is None or shard.holds(v.video_id)]
    reader = manifest.reader(source, params.decode)
    if not source.brings:  # features are small files, or one table of all videos
        known = KnownDigests(reader.digest, Path(params.runtime.store), anew=rehash)
        reader = replace(reader, digest=known)
    digests, errors = reader.digests(videos)
    sources = reader.sources(videos, digests)
    computed, store = per_video.compute(
        reader.recipe,
        tables.PROBE,
        reader.make,
        sources,
        params.runtime
        if shard is None
        else params.runtime.model_copy(update={"max_failed_share": 1.0}),
        refill=None
        if source.brings
        else partial(refilling.refill_probes, reader.recipe, layout.manifest),
    )
    errors |= computed.failed
    if shard:
        return endings.finish_shard(replace(computed, failed=errors), layout, "manifest", shard)
    pieces.check_failures(errors, len(videos), "manifest", params.runtime.max_failed_share)
    probes = {job.video_id: store.load(job.key).to_pylist()[0] for job in computed.done}
    table, clipped = manifest.build(listing, digests, probes, errors)
    metadata = {
        "categories": listing.categories,
        "normal_spans": listing.normal_spans,
        "probed_by": refilling.probe_mark(reader.recipe),
    }
    endings.sweep_outputs(layout)
    tables.write(table, layout.manifest, tables.MANIFEST, metadata)
    summary = manifest.summary(listing, table, clipped)
    write_json(layout.manifest_summary, summary)
    endings.print_left_out(errors)
    for video_id, damage in summary["salvaged"].items():
        print(f"salvaged: {video_id}: {damage}", file=sys.stderr)
    for note in listing.notes:
        print(f"note: {note}", file=sys.stderr)
    return f"{layout.manifest}: {manifest.summary_line(summary)}; {computed.summary()}"


if __name__ == "__main__":
    program.run(main, program.SHARD, REHASH, dataset=str)
