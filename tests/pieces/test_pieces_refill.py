"""Pieces made again from earlier outputs, byte for byte."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import pieces, tables
from pipeline.atomic import UnwritableError
from pipeline.encoders.clip import feature_table
from pipeline.pieces import linking
from tests.pieces.measuring import key_of, piece_of, save

RECIPE = pieces.Recipe("any", 1, {})


def captions(number: int) -> pa.Table:
    rows = [
        {
            "snippet": i,
            "caption": "é" * (number % 5) + str(i % 3),
        }
        for i in range(number % 4 + 1)
    ]
    return pa.Table.from_pylist(rows, schema=tables.CAPTION_PIECE)


def features(number: int) -> pa.Table:
    return feature_table(np.random.default_rng(number).normal(size=(32, 48)).astype(np.float32))


def content(store: pieces.Store) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.root.rglob("*.parquet")}


@pytest.mark.parametrize(
    ("schema", "make"),
    [(tables.CAPTION_PIECE, captions), (tables.feature_piece(48), features)],
    ids=["captions", "features"],
)
def test_pieces_of_a_table_come_back_byte_for_byte(
    tmp_path: Path, schema: pa.Schema, make: object
) -> None:
    first = pieces.Store(tmp_path / "first", "any", schema)
    jobs = []
    for number in range(70):  # more than a row group
        key = RECIPE.key(str(number))
        first.save(key, make(number))  # type: ignore[operator]
        jobs.append(pieces.Job(f"v{number}", key, None))
    twin = pieces.Job("twin", jobs[-1].key, None)  # another video of the same content
    pieces.assemble([*jobs, twin], first, tmp_path / "out.parquet")
    second = pieces.Store(tmp_path / "second", "any", schema)
    keys = {job.key for job in jobs}
    assert pieces.refill(second, keys, [tmp_path / "out.parquet"]) == keys
    assert content(second) == content(first)
    assert pieces.missing_keys(second, keys) == set()


def test_only_what_is_asked_for_is_made(tmp_path: Path, store: pieces.Store) -> None:
    jobs = save(store, *range(5))
    pieces.assemble(jobs, store, tmp_path / "out.parquet")
    fresh = pieces.Store(tmp_path / "fresh", "floors", tables.FLOORS)
    asked = {key_of(2), key_of(4), key_of(99)}
    assert pieces.refill(fresh, asked, [tmp_path / "out.parquet"]) == asked - {key_of(99)}
    assert set(content(fresh)) == {f"{key_of(2)}.parquet", f"{key_of(4)}.parquet"}


def test_groups_of_a_table_without_a_wanted_piece_are_not_decoded(
    tmp_path: Path, store: pieces.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.parquet"
    pieces.assemble(save(store, *range(tables.VIDEOS_PER_ROW_GROUP * 2 + 1)), store, out)
    read = pq.ParquetFile.read_row_group
    decoded = []

    def note(self: pq.ParquetFile, number: int, **options: object) -> pa.Table:
        decoded.extend([number] if not options else [])
        return read(self, number, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", note)
    fresh = pieces.Store(tmp_path / "fresh", "floors", tables.FLOORS)
    assert pieces.refill(fresh, {key_of(70)}, [out]) == {key_of(70)}
    assert decoded == [1]


def test_a_folder_of_pieces_is_linked_even_read_only_and_under_other_names(
    tmp_path: Path, store: pieces.Store
) -> None:
    jobs = save(store, 1, 2, 3)
    pieces.link_each(jobs[:2], store, tmp_path / "frames")
    cached = tmp_path / "0a1b2c"  # as a cache names it
    cached.write_bytes(store.path(jobs[2].key).read_bytes())
    cached.chmod(0o444)
    fresh = pieces.Store(tmp_path / "fresh", "floors", tables.FLOORS)
    keys = {job.key for job in jobs}
    sources = [tmp_path / "absent", tmp_path / "frames", cached]
    assert pieces.refill(fresh, keys, sources) == keys
    assert content(fresh) == content(store)
    assert fresh.path(jobs[2].key).samefile(cached)
    fresh.save(jobs[2].key, piece_of(3))  # a piece made anew never writes through the link
    assert cached.stat().st_nlink == 1


def test_pieces_are_copied_where_no_link_can_be(
    tmp_path: Path, store: pieces.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(linking.NO_LINKS[0], "Invalid cross-device link")

    jobs = save(store, 1)
    pieces.link_each(jobs, store, tmp_path / "frames")
    monkeypatch.setattr(os, "link", refuse)
    fresh = pieces.Store(tmp_path / "fresh", "floors", tables.FLOORS)
    assert pieces.refill(fresh, {jobs[0].key}, [tmp_path / "frames"]) == {jobs[0].key}
    assert content(fresh) == content(store)


def test_damaged_and_foreign_outputs_are_told_and_passed_over(
    tmp_path: Path, store: pieces.Store, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = save(store, 1, 2)
    damaged, foreign, text = (tmp_path / name for name in ("damaged", "foreign", "text"))
    good = tmp_path / "good"
    for out in (damaged, good):
        pieces.assemble(jobs, store, out)
    pq.write_table(tables.read(good), foreign)  # the same rows without our digest
    text.write_text("no table")
    whole = bytearray(damaged.read_bytes())
    whole[len(whole) // 2] ^= 1
    damaged.write_bytes(whole)
    piece = tmp_path / "piece"
    content_of = bytearray(store.path(jobs[0].key).read_bytes())
    content_of[40] ^= 1  # in a page
    piece.write_bytes(content_of)
    fresh = pieces.Store(tmp_path / "fresh", "floors", tables.FLOORS)
    keys = {job.key for job in jobs}
    assert pieces.refill(fresh, keys, [damaged, foreign, text, piece]) == set()
    said = capsys.readouterr().err
    for path in (damaged, foreign, text, piece):
        assert f"note: {path} refills nothing" in said
    assert content(fresh) == {}
    assert pieces.refill(fresh, keys, [damaged, good]) == keys


def test_a_store_that_cannot_be_written_stops_a_refill(tmp_path: Path, store: pieces.Store) -> None:
    jobs = save(store, 1)
    pieces.link_each(jobs, store, tmp_path / "frames")
    pieces.assemble(jobs, store, tmp_path / "table")
    (tmp_path / "file").write_text("in the way")
    for source in ("frames", "table"):
        broken = pieces.Store(tmp_path / "file", "floors", tables.FLOORS)
        with pytest.raises(UnwritableError, match="a file is where a folder should be"):
            pieces.refill(broken, {jobs[0].key}, [tmp_path / source])


def test_rows_are_saved_under_the_keys_that_are_asked_for(store: pieces.Store) -> None:
    def rows() -> Iterator[tuple[str, pa.Table]]:
        for number in range(4):
            yield key_of(number), piece_of(number)

    assert pieces.refill_rows(store, {key_of(1), key_of(7)}, rows()) == {key_of(1)}
    assert set(content(store)) == {f"{key_of(1)}.parquet"}
    assert store.load(key_of(1)).to_pylist() == piece_of(1).to_pylist()
