from pathlib import Path

import pytest

from pipeline.config import FeaturesSource, FolderSource
from pipeline.datasets.listing import Event
from pipeline.datasets.video_table import (
    Record,
    Row,
    alike_categories,
    check_columns,
    check_rows,
    read_csv,
    split_of,
)
from pipeline.errors import UserError


def source(**changes: object) -> FolderSource:
    return FolderSource.model_validate({"adapter": "folder"} | changes)


def written(root: Path, text: str) -> Path:
    path = root / "videos.csv"
    path.write_text(text, encoding="utf-8")
    return path


def rows_of(path: Path, settings: FolderSource) -> dict[str, Row]:
    return check_rows(read_csv(path)[1], settings, lambda record: record.cells["path"])


def test_cells_lose_outer_blanks_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, '\ufeffpath , categories\n\n a b.mp4 ,Fall\n"c,\nd.mp4",\n,\nä,x\n')
    header, records = read_csv(path)
    assert header == ["path", "categories"]
    assert records == [
        Record(f"{path}:3", {"path": "a b.mp4", "categories": "Fall"}),
        Record(f"{path}:5", {"path": "c,\nd.mp4", "categories": ""}),
        Record(f"{path}:7", {"path": "ä", "categories": "x"}),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("path,path\na,b\n", r"videos\.csv:1: the column 'path' stands there twice"),
        ("path,categories\na\n", r"videos\.csv:2: expected 2 cells, found 1"),
        ("path,categories\na,b\nb,c,d\n", r"videos\.csv:3: expected 2 cells, found 3; .* quotes"),
        ('path,categories\na,"b" c"\n', r"videos\.csv is no CSV table"),
    ],
)
def test_a_table_that_is_no_table(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        read_csv(written(tmp_path, text))


def test_a_table_that_is_not_there_can_be_begun(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"python -m stages\.videos_csv"):
        read_csv(tmp_path / "videos.csv")


def test_a_column_that_the_settings_rename_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "videos.csv"
    header = ["path", "categories"]
    check_columns(header, source().columns, path)
    check_columns(header, FeaturesSource(adapter="features").columns, path)
    for key in ("split", "events", "events_seconds", "group"):
        with pytest.raises(UserError, match=f"no column 'x', found path, .* columns.{key} under"):
            check_columns(header, source(columns={key: "x"}).columns, path)
    for key in ("n_frames", "fps"):
        columns = FeaturesSource.model_validate({"adapter": "features", "columns": {key: "x"}})
        with pytest.raises(UserError, match="no column 'x'"):
            check_columns(header, columns.columns, path)


def test_a_checked_row(tmp_path: Path) -> None:
    text = (
        "path,split,categories,events,events_seconds,cam\n"
        "a,test,Fall;Fight ;Fall,3-9:Fight,,gate\n"
        "b,validation,Normal,,,\n"
        "c,train,Fall,,0.5-1,yard\n"
    )
    rows = rows_of(written(tmp_path, text), source(columns={"group": "cam"}))
    found = {name: (r.split, r.categories, r.events, r.group) for name, r in rows.items()}
    assert found == {
        "a": ("test", ("Fall", "Fight"), (Event(3, 9, "Fight"),), "gate"),
        "b": ("validation", (), (), None),
        "c": ("train", ("Fall",), (Event(0.5, 1, "Fall", "seconds"),), "yard"),
    }


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (",train,,,", "column 'path' is empty"),
        ("a,Test,,,", "split is 'Test', expected train, validation, test"),
        ("a,,,,", "split is '', expected"),
        ("a,test,Normal;Fall,,", "either 'Normal' or Fall, not both"),
        ("a,test,Fall,1-2,3-4", "events stand in both 'events' and 'events_seconds'"),
        ("a,test,,1-2,", "a normal video has no event"),
        ("a,test,Normal,,1-2", "a normal video has no event"),
        ("a,test,Fall,1.5-2,", "put seconds into"),
        ("a,test,Fall,,x-2", "'x' is not a number"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, complaint: str) -> None:
    header = "path,split,categories,events,events_seconds"
    path = written(tmp_path, f"{header}\nz,train,,,\n{row}\n")
    with pytest.raises(UserError, match=rf"videos\.csv:3: .*{complaint}"):
        rows_of(path, source())


def test_a_video_that_stands_twice_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "path,categories\na,\nb,\na,\n")
    with pytest.raises(UserError, match=r":4: video id 'a' stands at .*videos\.csv:2 too"):
        rows_of(path, source())


def test_a_drawn_test_split_is_by_category_and_group(tmp_path: Path) -> None:
    lines = [f"v{i},{'Fall' if i < 10 else ''},g{i // 2}" for i in range(40)]
    path = written(tmp_path, "\n".join(["path,categories,cam", *lines]))
    rows = rows_of(path, source(columns={"group": "cam"}))
    found = split_of(rows, 0.2)
    assert sum(found[f"v{i}"] == "test" for i in range(10)) == 2
    assert sum(found[f"v{i}"] == "test" for i in range(10, 40)) == 6
    assert all(found[f"v{i}"] == found[f"v{i + 1}"] for i in range(0, 40, 2))
    assert set(split_of(rows, None).values()) == {"train"}


def test_the_table_s_own_split_is_never_drawn_over(tmp_path: Path) -> None:
    rows = rows_of(written(tmp_path, "path,split,categories\na,train,\nb,test,\n"), source())
    assert split_of(rows, 0.99) == {"a": "train", "b": "test"}


def test_categories_of_one_sound_are_named(tmp_path: Path) -> None:
    lines = ["a,fight", "b,Fight;Road Accident", "c,RoadAccident", "d,normal", "e,Fall", "f,Fight"]
    rows = rows_of(written(tmp_path, "\n".join(["path,categories", *lines])), source())
    found = alike_categories(rows, "Normal")
    assert found.keys() == {
        "category 'fight'",
        "category 'Fight'",
        "category 'Road Accident'",
        "category 'RoadAccident'",
        "category 'normal'",
    }
    assert found["category 'Fight'"].startswith("differs from 'fight' by case or blanks alone")
    assert "(2 videos)" in found["category 'Fight'"]
    assert "from 'Normal'" in found["category 'normal'"]
