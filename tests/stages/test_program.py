"""What a program says when something stops it that no stage foresaw."""

import errno
import os
from pathlib import Path

import pytest

from pipeline.errors import UserError
from stages import program
from stages.shards import Shard


def ended(error: BaseException) -> object:
    """The exit status, or the message, of a program that this stops."""

    def main() -> str:
        raise error

    with pytest.raises(SystemExit) as stopped:
        program.call(main)
    return stopped.value.code


def test_an_error_of_the_file_system_names_the_file_and_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError) as refused:
        (tmp_path / "file/below").mkdir()
    said = str(ended(refused.value))
    assert said.startswith(f"error: {tmp_path}/file/below: Not a directory; ")
    assert "a file is where a folder should be; move it away" in said
    full = ended(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "data/x.parquet"))
    assert full == (
        "error: data/x.parquet: No space left on device; the disk is full; make room, "
        "then run again: nothing computed is lost"
    )
    both = ended(OSError(errno.EXDEV, "Invalid cross-device link", "a", None, "b"))
    assert str(both).startswith("error: a -> b: Invalid cross-device link; see the reason")
    assert str(ended(OSError("Arrow names no file"))).startswith("error: Arrow names no file; ")


def test_a_user_error_is_told_as_it_is() -> None:
    assert ended(UserError("x is missing; make it")) == "error: x is missing; make it"


def test_a_defect_keeps_its_traceback() -> None:
    def main() -> str:
        raise KeyError("a defect")

    with pytest.raises(KeyError):
        program.call(main)


def test_after_an_interruption_the_status_is_a_signal_s(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ended(KeyboardInterrupt()) == 130
    said = capsys.readouterr().err
    assert said == "stopped; nothing computed is lost; run again to go on\n"


def test_options_reach_the_stage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(dataset: str, shard: Shard | None) -> str:
        return f"{dataset} {shard}"

    for arguments, expected in (([], "own None ("), (["--shard", "2/3"], "own 2/3 (")):
        monkeypatch.setattr("sys.argv", ["stage", "own", *arguments])
        program.run(main, program.SHARD, dataset=str)
        assert capsys.readouterr().out.startswith(expected)
    monkeypatch.setattr("sys.argv", ["stage", "own", "--shard", "4/3"])
    with pytest.raises(SystemExit):
        program.run(main, program.SHARD, dataset=str)
    assert "--shard: expected I/N with I from 1 to N" in capsys.readouterr().err
