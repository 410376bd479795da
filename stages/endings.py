"""How a per-video stage ends: what it left out, what lies about, and its last line."""

import sys
from pathlib import Path

import pyarrow as pa

from pipeline import pieces, tables
from pipeline.atomic import sweep
from stages.layout import Layout
from stages.shards import Shard


def finish(computed: pieces.Computed, layout: Layout, stage: str, out: Path) -> str:
    """Write the videos left out, print each with its reason, and return the stage's last line."""
    sweep_outputs(layout)
    print_left_out(computed.failed)
    rows = [
        {"video_id": video, "stage": stage, "error": error}
        for video, error in sorted(computed.failed.items())
    ]
    table = pa.Table.from_pylist(rows, schema=tables.SKIPPED)
    tables.write(table, layout.skipped(stage), tables.SKIPPED)
    return f"{out}: {computed.summary()}"


def finish_shard(computed: pieces.Computed, layout: Layout, stage: str, shard: Shard) -> str:
    """Print the videos left out; return the last line of a stage that wrote no output."""
    print_left_out(computed.failed)
    return (
        f"shard {shard} of {stage} {layout.name}: {computed.summary()}; no output is written: "
        f"when all shards are done, `dvc repro {stage}@{layout.name}` assembles it"
    )


def print_left_out(failed: dict[str, str]) -> None:
    """Each video's reason, on the terminal."""
    for video, error in sorted(failed.items()):
        print(f"left out: {video}: {error}", file=sys.stderr)


def sweep_outputs(layout: Layout) -> None:
    """Remove the temporary files that killed runs left beside the outputs."""
    for folder in (layout.folder, layout.frames, layout.skipped("").parent):
        sweep(folder, below=False)
