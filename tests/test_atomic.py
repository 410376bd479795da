import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.atomic import atomic_path, sweep, write_text

KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from pipeline.atomic import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_success_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_text(path, "one")
    write_text(path, "two")
    assert path.read_text() == "two"
    assert list(path.parent.iterdir()) == [path]


def test_failure_keeps_the_old_content_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_sweep_removes_what_a_killed_process_left_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.parquet"
    subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(path)], check=False)
    assert not path.exists()
    assert len(list(path.parent.iterdir())) == 1
    other_host = path.parent / ".b.parquet.elsewhere-1.tmp"
    other_host.touch()
    with atomic_path(path) as mine:
        mine.write_text("in progress")
        assert sweep(tmp_path) == 1
        assert mine.exists()
    assert sorted(path.parent.iterdir()) == [other_host, path]
