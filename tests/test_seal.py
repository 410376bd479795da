import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import seal, tables
from pipeline.errors import UserError

PIECES = {
    "features": (
        tables.feature_piece(3),
        [{"snippet": i, "feature": [0.25 * i, -1.5, float(i)]} for i in range(4)],
    ),
    "frames": (
        tables.FRAMES,
        [{"snippet": 0, "start": 0, "end": 9, "frame_index": [2, 6], "image": [b"jpeg" * 9, b"x"]}],
    ),
}


@pytest.fixture(params=PIECES)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    schema, rows = PIECES[request.param]
    path = tmp_path / "piece.parquet"
    tables.write(pa.Table.from_pylist(rows, schema=schema), path, schema, {"key": "ab" * 32})
    return path


def test_every_single_flipped_byte_is_noticed(written: Path, tmp_path: Path) -> None:
    whole, flipped = written.read_bytes(), tmp_path / "flipped.parquet"
    seal.verify(written, required=True)
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        flipped.write_bytes(changed)
        with pytest.raises(seal.DamagedError, match=r"flipped\.parquet"):
            seal.verify(flipped, required=True)


def test_a_flipped_byte_is_never_read_as_another_value(written: Path, tmp_path: Path) -> None:
    whole, flipped = written.read_bytes(), tmp_path / "flipped.parquet"
    expected = tables.read(written).to_pylist()
    for place in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[place] ^= 0xFF
        flipped.write_bytes(changed)
        try:
            assert tables.read(flipped).to_pylist() == expected
        except UserError as error:
            assert "flipped.parquet" in str(error)


def test_a_file_cut_short_or_continued_is_noticed(written: Path) -> None:
    whole = written.read_bytes()
    for content in (b"", whole[:4], whole[:-1], whole[: len(whole) // 2], whole + b"\0"):
        written.write_bytes(content)
        with pytest.raises(seal.DamagedError):
            seal.verify(written, required=True)


def test_a_stretch_of_zeros_in_a_large_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "large.parquet"
    schema = pa.schema([pa.field("x", pa.binary(), nullable=False)])
    noise = random.Random(0).randbytes(300_000)
    tables.write(pa.table({"x": [noise] * 2}, schema=schema), path, schema)
    whole = path.read_bytes()
    assert len(whole) > 2 * (1 << 16)  # more than the part that is looked through for the digest
    path.write_bytes(whole[:1000] + bytes(4096) + whole[5096:])
    with pytest.raises(seal.DamagedError, match="do not match its own digest"):
        seal.verify(path, required=False)


def test_a_table_of_somebody_else_is_read_without_a_digest_but_is_no_piece(tmp_path: Path) -> None:
    path = tmp_path / "foreign.parquet"
    pq.write_table(pa.table({"x": [1]}), path)
    assert tables.read(path)["x"].to_pylist() == [1]
    with pytest.raises(seal.DamagedError, match="without a digest"):
        tables.read(path, sealed=True)
    with pytest.raises(ValueError, match="room for its digest"):
        seal.seal(path)


def test_the_digest_is_no_part_of_a_table_s_metadata(written: Path) -> None:
    assert tables.metadata(written) == {"key": "ab" * 32}
