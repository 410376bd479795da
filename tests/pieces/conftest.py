from pathlib import Path

import pytest

from pipeline import pieces, tables


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    return tmp_path / "log"


@pytest.fixture
def store(tmp_path: Path) -> pieces.Store:
    return pieces.Store(tmp_path / "store", "floors", tables.FLOORS)
