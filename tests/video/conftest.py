"""Shared by the tests of reading video."""

from pathlib import Path

import pytest

from tests.video.hostile import CASES


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every hostile file, made for this run."""
    folder = tmp_path_factory.mktemp("corpus")
    for case in CASES:
        case.make(folder / case.name)
    return folder
