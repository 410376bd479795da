"""Reading the formats of a user's caption table."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.config import CaptionColumns
from pipeline.encoders.captioners.file.records import place, read_records
from pipeline.errors import UserError

COLUMNS = CaptionColumns()
ROWS = [
    {"video_id": "v1", "caption": "a man, running\nfast", "start": 0.5, "end": 2.0},
    {"video_id": "v2", "caption": "街道上有一辆车", "start": 1.25, "end": 3.0},
]


def write(path: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    if path.name.endswith(".parquet"):
        pd.DataFrame(rows).to_parquet(path)
        return path
    file = io.StringIO()
    if ".csv" in path.name:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    else:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    content = file.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["c.jsonl", "c.jsonl.gz", "C.CSV.gz", "c.csv", "c.parquet"])
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name.lower()).rename(tmp_path / name)
    records = list(read_records(path, COLUMNS))
    times = [{name: float(record[name]) for name in ("start", "end")} for _, record in records]
    assert [record | own for (_, record), own in zip(records, times, strict=True)] == ROWS
    # The first caption of the CSV file takes two lines.
    expected = [2, 4] if ".csv" in name.lower() else [1, 2]
    assert [number for number, _ in records] == expected


def test_an_empty_cell_of_csv_is_missing_but_an_empty_caption_is_one(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("\ufeffvideo_id,snippet,start,end,caption\nv,1, ,,\n\nv,2,,,x\n")
    missing = {"start": None, "end": None}
    assert list(read_records(path, COLUMNS)) == [
        (2, {"video_id": "v", "snippet": "1", **missing, "caption": ""}),
        (4, {"video_id": "v", "snippet": "2", **missing, "caption": "x"}),
    ]


def test_only_the_columns_that_count_are_read_of_a_parquet_file(tmp_path: Path) -> None:
    path = write(tmp_path / "c.parquet", [row | {"note": "x"} for row in ROWS])
    assert [set(record) for _, record in read_records(path, COLUMNS)] == [set(ROWS[0])] * 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.tsv", b"", "c.tsv: a table of captions ends in .jsonl, .csv"),
        ("c.parquet.gz", b"", "c.parquet.gz: a table of captions ends in"),
        ("c.parquet", b"no parquet", "c.parquet cannot be read as"),
        ("c.csv.gz", b"no gzip", "c.csv.gz cannot be read as"),
        ("c.csv.gz", gzip.compress(b"video_id,caption,snippet\nv,a,1\n")[:-9], "cannot be read as"),
        ("c.csv", "video_id,caption,snippet\nv,\xe9,1".encode("latin-1"), "cannot be read as"),
        ("c.csv", b'video_id,caption,snippet\nv,"a"b,1\n', "cannot be read as"),
        ("c.csv", b"", "found none"),
        ("c.csv", b"video_id,text,snippet\n", "found video_id, text, snippet; rename them"),
        ("c.csv", b"video_id,caption,start\n", "either 'snippet' or 'start' and 'end'"),
        ("c.csv", b"video_id,caption,caption,snippet\n", "the column 'caption' stands there twice"),
        (
            "c.csv",
            b"video_id,caption,snippet\nv,a,0\nv,a, b,1\n",
            "c.csv, line 3: expected 3 cells, found 4",
        ),
        (
            "c.jsonl",
            b'{"video_id": "v", "caption": "", "snippet": 0}\n\n{"video_id": \n',
            "c.jsonl, line 3: no JSON (",
        ),
        ("c.jsonl", b'[{"video_id": "v"}]', "c.jsonl, line 1: expected a JSON object"),
        ("c.jsonl", b'{"id": "v", "text": "a"}', "found id, text; rename them"),
    ],
)
def test_what_is_no_table_of_captions(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError) as raised:
        list(read_records(path, COLUMNS))
    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)


def test_places() -> None:
    assert place("a/c.jsonl.gz", 3) == "a/c.jsonl.gz, line 3"
    assert place("a/c.parquet", 3) == "a/c.parquet, row 3"
