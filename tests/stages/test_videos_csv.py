from pathlib import Path

import pytest

from pipeline.errors import UserError
from stages import program, videos_csv


def test_the_program_writes_the_table_and_says_what_to_do_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Fall").mkdir()
    (tmp_path / "Fall/a.mp4").touch()
    monkeypatch.setattr("sys.argv", ["videos_csv", str(tmp_path)])
    program.run(videos_csv.main, folder=Path)
    assert (tmp_path / "videos.csv").read_text() == "path,categories,events\nFall/a.mp4,Fall,\n"
    assert capsys.readouterr().out.endswith(f"make repro DATASET=own RAW={tmp_path}\n")


def test_a_table_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    (tmp_path / "videos.csv").write_text("mine")
    with pytest.raises(UserError, match=r"videos\.csv exists and is kept"):
        videos_csv.main(tmp_path)
    assert (tmp_path / "videos.csv").read_text() == "mine"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere is not a folder"):
        videos_csv.main(tmp_path / "nowhere")
