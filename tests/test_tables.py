from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import tables
from pipeline.encoders.clip import feature_table
from pipeline.errors import UserError

EXAMPLES = {
    "MANIFEST": {
        "video_id": "a b#1=ä",
        "path": "data/x/raw/a.mp4",
        "sha256": "00",
        "split": "test",
        "categories": ["Fire", "Panic"],
        "n_frames": 2**31 - 1,
        "fps": 29.97,
        "width": 320,
        "height": 240,
        "n_lost": 3,
        "way": "indexed",
        "events": [{"start": 0, "end": 5, "category": "Fire"}],
        "status": "ok",
        "error": "",
    },
    "PROBE": {
        "n_frames": 3,
        "fps": 25.0,
        "width": 4,
        "height": 5,
        "n_lost": 0,
        "damage": "",
        "way": "",
    },
    "FRAMES": {"snippet": 0, "start": 0, "end": 2, "frame_index": [0, 1], "image": [b"\xff", b""]},
    "CAPTION_PIECE": {"snippet": 0, "caption": "«é»"},
    "CAPTIONS": {
        "video_id": "a",
        "snippet": 0,
        "caption": "x",
        "key": "k",
    },
    "FLOORS": {"snippet": 0, "mean_brightness": 3.5, "mean_motion": 0.0},
    "SKIPPED": {"video_id": "a", "stage": "decode", "error": "e"},
    "FOLD_SCORES": {
        "model": "base",
        "seed": 0,
        "fold": 4,
        "video_id": "a",
        "abnormal": True,
        "score": 0.25,
    },
    "TRIAL": {
        "seed": 2,
        "checkpoint": "best_on_test",
        "video_id": "a",
        "snippet": 31,
        "score": 0.25,
        "category_prob": [0.5, 0.25],
    },
    "SCORES": {
        "model": "base",
        "seed": 0,
        "checkpoint": "last",
        "video_id": "a",
        "snippet": 31,
        "start": 0,
        "end": 9,
        "score": 0.25,
        "category_prob": [],
    },
}


def all_schemas() -> dict[str, pa.Schema]:
    return {name: value for name, value in vars(tables).items() if isinstance(value, pa.Schema)}


def test_every_schema_has_an_example() -> None:
    assert set(EXAMPLES) == set(all_schemas())


@pytest.mark.parametrize("name", EXAMPLES)
def test_round_trip(tmp_path: Path, name: str) -> None:
    schema = all_schemas()[name]
    table = pa.Table.from_pylist([EXAMPLES[name]], schema=schema)
    tables.write(table, tmp_path / "t.parquet", schema, {"note": ["é", 1]})
    back = tables.read(tmp_path / "t.parquet", schema)
    assert back.to_pylist() == table.to_pylist()
    assert tables.metadata(tmp_path / "t.parquet") == {"note": ["é", 1]}


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    schema = tables.SCORES
    table = pa.Table.from_pylist([EXAMPLES["SCORES"]] * 3, schema=schema)
    for name in ("a", "b"):
        tables.write(table, tmp_path / name, schema)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda t: t.drop_columns(["score"]), "expected columns"),
        (lambda t: t.append_column("extra", pa.array([1])), "expected columns"),
        (
            lambda t: t.set_column(1, "seed", pa.array(["0"])),
            "column 'seed' is string, expected int32",
        ),
        (
            lambda t: t.set_column(7, "score", pa.array([None], pa.float32())),
            "column 'score' holds nulls",
        ),
    ],
)
def test_a_table_of_another_schema_is_refused(tmp_path: Path, change, complaint: str) -> None:  # type: ignore[no-untyped-def]
    table = change(pa.Table.from_pylist([EXAMPLES["SCORES"]], schema=tables.SCORES))
    path = tmp_path / "scores.parquet"
    with pytest.raises(UserError, match=complaint):
        tables.write(table, path, tables.SCORES)
    assert not path.exists()
    pq.write_table(table, path)
    with pytest.raises(UserError, match=complaint) as caught:
        tables.read(path, tables.SCORES)
    assert str(path) in str(caught.value)


def test_an_absent_or_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with pytest.raises(UserError, match="does not exist"):
        tables.read(path)
    table = pa.table({"snippet": pa.array([0], pa.int16()), "x": pa.array([b"y" * 5000])})
    pq.write_table(table, path, compression="none", write_page_checksum=True, use_dictionary=False)
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(b"yyyy") + 100] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(UserError, match="cannot be read"):
        tables.read(path)


def features_file(path: Path, videos: dict[str, np.ndarray]) -> None:
    def labelled(video_id: str, features: np.ndarray) -> pa.Table:
        piece = feature_table(features).replace_schema_metadata(None)
        column = pa.array([video_id] * piece.num_rows)
        return piece.add_column(0, "video_id", column).append_column("key", column)

    width = next(iter(videos.values())).shape[1]
    schema = tables.with_video(tables.feature_piece(width))
    parts = (labelled(video_id, features) for video_id, features in videos.items())
    tables.write_stream(parts, path, schema)


def test_features_of_many_videos_keep_their_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    count = tables.VIDEOS_PER_ROW_GROUP + 3
    videos = {f"v{i}": rng.normal(size=(4, 6)).astype(np.float32) for i in range(count)}
    path = tmp_path / "clip.parquet"
    features_file(path, videos)
    assert pq.ParquetFile(path).num_row_groups == 2
    ids, features, keys = tables.read_features(path)
    assert ids == keys == list(videos)
    np.testing.assert_array_equal(features, np.stack(list(videos.values())))


def test_features_with_a_missing_snippet_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.parquet"
    features_file(path, {"a": np.ones((4, 2), np.float32), "b": np.ones((3, 2), np.float32)})
    with pytest.raises(UserError, match=r"snippets 0\.\.3 in order"):
        tables.read_features(path)


def test_features_whose_videos_are_interleaved_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.parquet"
    schema = tables.with_video(tables.feature_piece(1))
    rows = [
        {"video_id": video, "snippet": i, "feature": [0.0], "key": "k"}
        for i, video in enumerate("ab")
    ]
    tables.write_stream([pa.Table.from_pylist(rows, schema=schema)], path, schema)
    with pytest.raises(UserError, match="2 rows of a video must follow one another"):
        tables.read_features(path)


@pytest.mark.parametrize("rows_at_a_time", [1, 3, 4, 7, 1000])
def test_features_do_not_depend_on_how_many_rows_are_read_at_a_time(
    tmp_path: Path, rows_at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    videos = {f"v{i}": rng.normal(size=(4, 3)).astype(np.float32) for i in range(5)}
    path = tmp_path / "clip.parquet"
    features_file(path, videos)
    monkeypatch.setattr(tables, "ROWS_AT_A_TIME", rows_at_a_time)
    ids, features, keys = tables.read_features(path)
    assert ids == keys == list(videos)
    np.testing.assert_array_equal(features, np.stack(list(videos.values())))


def test_a_feature_table_with_an_empty_cell_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.parquet"
    schema = tables.with_video(tables.feature_piece(1))
    loose = pa.schema([field.with_nullable(True) for field in schema])
    row = {"video_id": "a", "snippet": 0, "feature": None, "key": "k"}
    pq.write_table(pa.Table.from_pylist([row], schema=loose), path)
    with pytest.raises(UserError, match="column 'feature' holds nulls"):
        tables.read_features(path)
