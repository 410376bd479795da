"""Pieces that are there but cannot be used."""

import errno
import os
from functools import partial
from pathlib import Path

import pytest

from pipeline import pieces, tables
from pipeline.pieces import verifying
from tests.pieces.measuring import PATIENT, Measure, key_of, made, piece_of, save


def test_each_kind_of_damage_is_missed_and_named(
    store: pieces.Store, capsys: pytest.CaptureFixture[str]
) -> None:
    save(store, *range(7))
    paths = [store.path(key_of(number)) for number in range(7)]
    whole = paths[0].read_bytes()
    paths[1].unlink()
    paths[2].write_bytes(whole)  # of another key
    paths[3].write_bytes(whole[:-1])
    paths[4].write_bytes(b"")
    paths[5].write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    other = tables.feature_piece(1)
    row = {"snippet": [0], "feature": [[1.0]]}
    key = {"key": key_of(6)}
    tables.write(tables.pa.table(row, schema=other), paths[6], other, key)
    keys = [key_of(number) for number in range(7)]
    assert pieces.missing_keys(store, keys) == set(keys[1:])
    said = capsys.readouterr().err
    for path in paths[2:]:
        assert str(path) in said
    assert str(paths[0]) not in said
    assert str(paths[1]) not in said  # merely absent
    assert "piece of another key" in said
    assert "expected columns" in said


def test_thousands_of_damaged_pieces_are_counted_not_listed(
    store: pieces.Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "AT_ONCE", 5)
    save(store, *range(23))
    for number in range(0, 23, 2):
        store.path(key_of(number)).write_bytes(b"")
    missing = pieces.missing_keys(store, map(key_of, range(23)))
    assert missing == {key_of(number) for number in range(0, 23, 2)}
    lines = capsys.readouterr().err.strip().splitlines()
    assert len([line for line in lines if line.startswith("made again")]) == verifying.NAMED
    assert lines[-1] == "... and 2 more pieces of floors"


def test_a_piece_that_may_be_whole_is_not_made_again_but_told(
    log: Path, store: pieces.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = save(store, 1)
    path = store.path(job.key)
    content, opened = path.read_bytes(), Path.open
    for code in (errno.EACCES, errno.EIO):

        def refuse(self: Path, *args: object, code: int = code, **options: object) -> object:
            if self == path:
                raise OSError(code, os.strerror(code), str(self))
            return opened(self, *args, **options)  # type: ignore[call-overload]

        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(
            tables.UnreadableError, match="permit reading it or check the disk"
        ) as e:
            pieces.compute([job], partial(Measure, log), store, PATIENT)
        assert str(path) in str(e.value)
        monkeypatch.undo()
    assert path.read_bytes() == content
    assert made(log) == []


def test_a_piece_that_vanishes_before_it_is_assembled_is_named(
    tmp_path: Path, store: pieces.Store
) -> None:
    jobs = save(store, 1, 2)
    store.path(jobs[1].key).unlink()
    for put in (pieces.assemble, pieces.link_each):
        with pytest.raises(tables.UserError, match=r"is gone.*run again") as caught:
            put(jobs, store, tmp_path / "out")
        assert str(store.path(jobs[1].key)) in str(caught.value)
    assert not (tmp_path / "out").is_file()
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_key_given_twice_is_looked_at_once(store: pieces.Store) -> None:
    store.save(key_of(1), piece_of(1))
    assert pieces.missing_keys(store, [key_of(1), key_of(2), key_of(2)]) == {key_of(2)}
