"""The digest of the code that decides scores: of every source file, and of nothing else."""

import shutil
from pathlib import Path

import pytest

from pipeline import code_digest
from tests.imports import ROOT

EDITS = [
    "config/heads.py",
    "features.py",
    "losses/mil.py",
    "metrics/frame.py",
    "models/refinevad.py",
    "models/shift/__init__.py",
    "training/batches.py",
    "trials/trainer.py",
]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The package as it is installed, elsewhere."""
    ignored = shutil.ignore_patterns("__pycache__", "encoders", "report")
    return Path(shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline", ignore=ignored))


def test_where_the_package_lies_decides_nothing(package: Path) -> None:
    assert code_digest.of_training(package) == code_digest.of_training()
    (package / "models" / "notes.txt").write_text("no code")
    (package / "seal.py").write_text("")
    code_digest.of_training.cache_clear()
    assert code_digest.of_training(package) == code_digest.of_training()


def test_every_source_decides(package: Path) -> None:
    found = {code_digest.of_training(package)}
    for number, name in enumerate(EDITS, start=1):
        with (package / name).open("a") as source:
            source.write("# edited\n")
        code_digest.of_training.cache_clear()
        assert len(found | {code_digest.of_training(package)}) == number + 1, name
        found.add(code_digest.of_training(package))
    (package / "losses" / "mil.py").rename(package / "losses" / "mils.py")  # in the same place
    code_digest.of_training.cache_clear()
    assert code_digest.of_training(package) not in found
