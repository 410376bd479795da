"""What a caption table's captions are like, so that a captioner that is silently broken is seen."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import seal, tables
from pipeline.caption_quality.alarms import ALARMS
from pipeline.caption_quality.tally import Row, Tally
from pipeline.table_files import readable

COLUMNS = ["video_id", "snippet", "caption"]
ROWS_AT_A_TIME = 1 << 14
SHOWN = 60  # characters of a caption in the terminal


def of_table(path: Path) -> dict[str, Any]:
    """What `summary` gives, of a table of schema `tables.CAPTIONS`; errors as of `tables.read`.

    Row groups are read one at a time; memory grows by about 100 bytes a caption.
    """
    with readable(path):
        seal.verify(path, required=False)
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            tables.check(file.schema_arrow.empty_table(), tables.CAPTIONS, str(path))
            tally = Tally()
            for batch in _batches(file, path):
                tally.add(batch)
            return tally.summary(lambda row: _row_at(file, row))


def _batches(file: pq.ParquetFile, path: Path) -> Iterator[pa.RecordBatch]:
    expected = pa.schema([tables.CAPTIONS.field(name) for name in COLUMNS])
    for group in range(file.num_row_groups):
        for batch in file.iter_batches(ROWS_AT_A_TIME, row_groups=[group], columns=COLUMNS):
            tables.check(pa.Table.from_batches([batch]), expected, str(path))
            yield batch


def _row_at(file: pq.ParquetFile, row: int) -> Row:
    for group in range(file.num_row_groups):
        n_rows = file.metadata.row_group(group).num_rows
        if row < n_rows:
            return _row(file.read_row_group(group, columns=COLUMNS).slice(row, 1))
        row -= n_rows
    raise IndexError(row)


def _row(table: pa.Table) -> Row:
    (found,) = table.to_pylist()
    return found["video_id"], found["snippet"], found["caption"]


def summary(captions: pd.DataFrame) -> dict[str, Any]:
    """Counts and shares of each kind of caption, and examples; can be written as JSON.

    `captions` has columns `video_id`, `snippet` and `caption`. For the kinds see
    `kinds.measure`. `same_throughout` counts the videos of three snippets or more
    that have a single caption; its share is of all videos, the other kinds' of all captions.
    """
    table = pa.Table.from_pandas(captions[COLUMNS], preserve_index=False)
    tally = Tally()
    for batch in table.to_batches(ROWS_AT_A_TIME):
        tally.add(batch)
    return tally.summary(lambda row: _row(table.slice(row, 1)))


def as_text(found: dict[str, Any]) -> str:
    """A summary in two or three lines, and a warning for each share beyond its limit (`ALARMS`)."""
    lines = [f"{found['captions']} captions of {found['videos']} videos"]
    if found["captions"]:
        words, common = found["words"], found["most_common"]
        lines[0] += (
            f", {words['min']} to {words['max']} words (median {words['median']:g}); "
            f"{_percent(found['distinct'])} distinct"
        )
        lines.append(f"most common ({_percent(common)}): {_shown(common['caption']) or '(empty)'}")
    names = {
        "empty": "empty",
        "over_long": "over-long",
        "unfinished": "unfinished",
        "loops": "looping",
        "refusals": "refusals",
        "markup": "with markup",
        "non_latin": "not in Latin script",
    }
    counts = [f"{found[kind]['count']} {name}" for kind, name in names.items()]
    same = f"{found['same_throughout']['count']} videos with one caption throughout"
    return "\n".join([*lines, f"{', '.join(counts)}; {same}", *_warnings(found)])


def _warnings(found: dict[str, Any]) -> Iterator[str]:
    for alarm in ALARMS:
        part = found[alarm.kind]
        if part and part["share"] > alarm.share:
            example = next((e["caption"] for e in found["examples"] if e["kind"] == alarm.kind), "")
            shown = f", such as {_shown(example)!r}" if example else ""
            yield (
                f"warning: {part['count']} ({_percent(part)}) {alarm.told}{shown}: {alarm.meaning}"
            )


def _percent(part: dict[str, float]) -> str:
    percent = 100 * part["share"]
    return "< 0.1 %" if 0 < percent < 0.1 else f"{percent:.3g} %"


def _shown(caption: str) -> str:
    return caption if len(caption) <= SHOWN else caption[: SHOWN - 1] + "…"
