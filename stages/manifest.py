"""Stage `manifest`: list a dataset's videos, probe each file, write the manifest."""

from pipeline import config, pieces, tables
from pipeline.datasets import manifest
from pipeline.video import probe
from stages import per_video, program
from stages.layout import PARAMS, Layout, write_json


def main(dataset: str) -> str:
    """Write `manifest.parquet` and `manifest.json` of the dataset."""
    params = config.load(PARAMS)
    layout = Layout(dataset)
    listing = manifest.list_videos(layout.raw, params.source(dataset))
    paths = {video.video_id: video.path for video in listing.videos}
    digests, errors = probe.digests(paths)
    recipe = pieces.Recipe("probe", probe.VERSION, {})
    sources = [(video_id, digest, paths[video_id]) for video_id, digest in digests.items()]
    computed, store = per_video.compute(recipe, tables.PROBE, probe.make, sources, params.runtime)
    probes = {job.video_id: store.load(job.key).to_pylist()[0] for job in computed.done}
    table, n_clipped = manifest.build(listing, digests, probes, errors | computed.failed)
    tables.write(table, layout.manifest, tables.MANIFEST, {"categories": listing.categories})
    summary = manifest.summary(listing, table, n_clipped)
    write_json(layout.manifest_summary, summary)
    return f"{layout.manifest}: {manifest.summary_line(summary)}"


if __name__ == "__main__":
    program.run(main, dataset=str)
