"""Whose captions the rows of a user's table are, and which rows are wrong."""

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import CaptionColumns, FileCaption
from pipeline.encoders.captioners.file.videos import check_numbers, digest, read_given
from pipeline.encoders.captioners.snippets import Given
from pipeline.errors import UserError

MANIFEST = [{"video_id": name, "fps": fps} for name, fps in (("v1", 25.0), ("v2.a", 29.97))]


def read(raw: Path, rows: list[dict[str, Any]], **settings: Any) -> dict[str, list[Given]]:
    """Of rows, whose caption is "c" where they say none."""
    lines = [json.dumps({"caption": "c"} | row) + "\n" for row in rows]
    (raw / "c.jsonl").write_text("".join(lines))
    own = FileCaption(backend="file", path="c.jsonl", made_by="a test", **settings)
    return read_given(own, raw, MANIFEST)


def spans(given: list[Given]) -> list[tuple[float, float]]:
    return [(row.start, row.end) for row in given]


@pytest.mark.parametrize(
    ("name", "video_id"),
    [
        ("v1", "v1"),
        (" v1 ", "v1"),
        ("v1.mp4", "v1"),
        ("Fighting/v1.MP4", "v1"),
        ("C:\\videos\\v1.avi", "v1"),
        ("v2.a", "v2.a"),
        ("v2.a.mkv", "v2.a"),
        ("v1.x", None),  # no ending of a video
        ("V1", None),
        ("v2", None),
    ],
)
def test_names_of_videos(tmp_path: Path, name: str, video_id: str | None) -> None:
    found = read(tmp_path, [{"video_id": name, "snippet": 0}])
    assert list(found) == ([video_id] if video_id else [])


def test_the_manifest_s_own_id_goes_first(tmp_path: Path) -> None:
    row = {"video_id": "x/v1.mp4", "snippet": 0}
    (tmp_path / "c.jsonl").write_text(json.dumps({"caption": "c"} | row))
    settings = FileCaption(backend="file", path="c.jsonl", made_by="a test")
    for ids, expected in ((["v1", "v1.mp4"], "v1.mp4"), (["v1", "x/v1.mp4"], "x/v1.mp4")):
        rows = [{"video_id": name, "fps": 25.0} for name in ids]
        assert list(read_given(settings, tmp_path, rows)) == [expected]


def test_ids_that_are_numbers_and_accents_written_in_two_ways(tmp_path: Path) -> None:
    settings = FileCaption(backend="file", path="c.jsonl", made_by="a test")
    for said, video_id in (("17", "17"), ('"cafe\\u0301"', "caf\u00e9")):
        line = f'{{"video_id": {said}, "caption": "c", "snippet": 0}}\n'
        (tmp_path / "c.jsonl").write_text(line)
        rows = [{"video_id": video_id, "fps": 25.0}]
        assert list(read_given(settings, tmp_path, rows)) == [video_id]


def test_seconds_become_frames_and_frames_stay(tmp_path: Path) -> None:
    rows = [
        {"video_id": "v1", "start": 0, "end": 1.5},
        {"video_id": "v1", "start": "1.51", "end": 2.04},
        {"video_id": "v2.a", "start": 10, "end": 10},
    ]
    found = read(tmp_path, rows)
    assert spans(found["v1"]) == [(0, 37.5), (37.75, 51)]  # 2.04 * 25 is a hair off
    assert spans(found["v2.a"]) == [(pytest.approx(299.7), pytest.approx(299.7))]
    assert spans(read(tmp_path, rows, unit="frames")["v1"]) == [(0, 1.5), (1.51, 2.04)]


def test_a_rate_stored_in_32_bits_puts_no_frame_boundary_off(tmp_path: Path) -> None:
    rate = pa.scalar(30000 / 1001, pa.float32()).as_py()
    rows = [{"video_id": "v1", "start": f * 1001 / 30000, "end": 9999} for f in range(0, 99999, 97)]
    (tmp_path / "c.jsonl").write_text(
        "".join(json.dumps({"caption": "c"} | row) + "\n" for row in rows)
    )
    settings = FileCaption(backend="file", path="c.jsonl", made_by="a test")
    found = read_given(settings, tmp_path, [{"video_id": "v1", "fps": rate}])["v1"]
    assert [row.start for row in found] == list(range(0, 99999, 97))


def test_own_columns_snippets_and_parquet(tmp_path: Path) -> None:
    names = CaptionColumns(video_id="file", caption="text", snippet="clip")
    table = pa.table({"file": ["v1", "v1"], "text": ["a", ""], "clip": [1.0, 0.0]})
    pq.write_table(table, tmp_path / "c.parquet")
    settings = FileCaption(backend="file", path="c.parquet", made_by="x", columns=names)
    found = read_given(settings, tmp_path, MANIFEST)
    assert [(row.caption, row.snippet, row.row) for row in found["v1"]] == [("a", 1, 1), ("", 0, 2)]
    assert all(math.isnan(row.start) for row in found["v1"])


V = {"video_id": "v1"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"snippet": 0}, "column 'video_id': expected a video's id or file, found nothing"),
        ({"video_id": " ", "snippet": 0}, "column 'video_id': expected a video's id or file"),
        (V | {"caption": None, "snippet": 0}, "column 'caption': expected text, found nothing"),
        (V | {"caption": 3, "snippet": 0}, "column 'caption': expected text, found 3"),
        (V, "column 'snippet': found nothing, nor in 'start' and 'end'"),
        (V | {"start": 1}, "column 'end': expected a number, found nothing"),
        (V | {"snippet": 1, "end": 2}, "column 'end': found 2 beside 'snippet' 1"),
        (V | {"snippet": 1, "start": 0, "end": 2}, "column 'start': found 0 beside 'snippet' 1"),
        (V | {"start": 2, "end": 1.5}, "column 'end': found 1.5, which is before the start, 2"),
        (V | {"start": math.nan, "end": 1}, "column 'start': expected a number from 0, found nan"),
        (V | {"start": 0, "end": math.inf}, "column 'end': expected a number from 0, found inf"),
        (V | {"start": -1, "end": 1}, "column 'start': expected a number from 0, found -1"),
        (V | {"start": "soon", "end": 1}, "column 'start': expected a number, found 'soon'"),
        (V | {"start": True, "end": 1}, "column 'start': expected a number, found True"),
        (V | {"snippet": 1.5}, "column 'snippet': expected a whole number, found 1.5"),
        (V | {"snippet": -1}, "column 'snippet': expected a number from 0, found -1"),
        (V | {"snippet": 7}, "found 7 of 'v1', which "),
        ({"video_id": "v1.mp4", "snippet": 1}, "found 'v1.mp4', but "),
    ],
)
def test_wrong_rows(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    rows = [V | {"snippet": 7}, row, {"video_id": "v2.a", "start": 0, "end": 0}]
    with pytest.raises(UserError) as raised:
        read(tmp_path, rows)
    assert str(raised.value).startswith(f"{tmp_path / 'c.jsonl'}: 1 wrong rows")
    assert f"\n  {tmp_path / 'c.jsonl'}, line 2, " in str(raised.value)
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) == 2


def test_ten_wrong_rows_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="12 wrong rows") as raised:
        read(tmp_path, [V | {"start": 0, "end": 1}, *[V] * 12])
    lines = str(raised.value).splitlines()
    assert "line 2," in lines[1]
    assert "line 11," in lines[10]
    assert lines[11:] == ["  and 2 more"]


def test_rows_of_other_videos_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = [{"video_id": f"w{n % 7}", "start": "wrong", "end": 1} for n in range(9)]
    assert list(read(tmp_path, [*others, V | {"snippet": 0}])) == ["v1"]
    assert capsys.readouterr().out == (
        f"{tmp_path / 'c.jsonl'}: 9 rows are left out, of 7 videos that are not among the "
        "manifest's usable ones: 'w0', 'w1', 'w2', 'w3', 'w4', ...\n"
    )
    read(tmp_path, [V | {"snippet": 0}])
    assert capsys.readouterr().out == ""


def test_a_table_that_is_not_there_or_elsewhere(tmp_path: Path) -> None:
    for path, message in (
        ("no.csv", f"{tmp_path / 'no.csv'} does not exist; .* below the dataset's raw folder"),
        ("../c.csv", f"caption.path is '../c.csv', expected a path below {tmp_path}"),
        ("/c.csv", f"caption.path is '/c.csv', expected a path below {tmp_path}"),
    ):
        settings = FileCaption(backend="file", path=path, made_by="a test")
        with pytest.raises(UserError, match=message):
            read_given(settings, tmp_path, MANIFEST)


def test_a_digest_is_of_what_rows_say_in_their_order() -> None:
    rows = [Given(0, 1, "a", row=1), Given(1, 2, "b", row=2)]
    changed = [
        rows[::-1],
        rows[:1],
        [],
        [Given(0, 1.5, "a"), rows[1]],
        [Given(0.5, 1, "a"), rows[1]],
        [Given(0, 1, "a\ud83d"), rows[1]],
        [Given(0, 1, "a", 0), rows[1]],
    ]
    digests = [digest(own) for own in (rows, *changed)]
    assert len(set(digests)) == len(digests)
    assert digest([Given(0, 1, "a", row=7), Given(1, 2, "b", row=9)]) == digests[0]


SPARSE = [V | {"snippet": n} for n in (0, 31)] + [{"video_id": "v2.a", "snippet": 3}]
SPAN = {"video_id": "v2.a", "start": 0, "end": 1}


def check(raw: Path, rows: list[dict[str, Any]], n_snippets: int) -> None:
    given = read(raw, rows)
    check_numbers(FileCaption(backend="file", path="c.jsonl", made_by="m"), raw, given, n_snippets)


def test_captions_made_for_fewer_snippets_are_refused(tmp_path: Path) -> None:
    for n_snippets in (33, 64):
        with pytest.raises(UserError) as raised:
            check(tmp_path, SPARSE, n_snippets)
        said = str(raised.value)
        assert said.startswith(f"{tmp_path / 'c.jsonl'}, column 'snippet': ")
        assert f"is 31, expected {n_snippets - 1}, as decode.snippets" in said
        assert "'start' and 'end'" in said and said.endswith("made for, probably 32")


@pytest.mark.parametrize(
    ("rows", "n_snippets"),
    [(SPARSE, 32), (SPARSE, 16), ([*SPARSE, SPAN], 64), ([SPAN], 64), ([], 64)],
)
def test_numbers_that_may_be_of_as_many_snippets(
    tmp_path: Path, rows: list[dict[str, Any]], n_snippets: int
) -> None:
    check(tmp_path, rows, n_snippets)
