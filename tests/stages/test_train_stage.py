"""The stage `train` goes on where it was killed, with the run that it was killed in."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from pipeline import tables, training
from pipeline.training import Progress, fitting
from stages import train
from stages.layout import PARAMS, Layout
from tests.models.toy import same
from tests.params import write_params
from tests.stages.small_features import OWN, T, write_features

EPOCHS = 5
TRAIN = {"epochs": EPOCHS, "batch_size": 4, "lr": 3e-3}


def split_of(video: int) -> str:
    return {0: "validation", 1: "test"}.get(video % 4, "train")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Feature tables of 32 videos; progress is written after every epoch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Progress.__init__, "__kwdefaults__", {"every_s": 0.0})
    write_features(tmp_path, 32, split_of, models=["refinevad"], seeds=[0, 7], train=TRAIN)
    return tmp_path


@pytest.fixture
def epochs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One number for every epoch that was begun; the third one of all is killed."""
    begun: list[int] = []
    epoch = fitting._epoch

    def counted(*parts: Any) -> dict[str, float]:
        begun.append(len(begun))
        if len(begun) == 3:
            raise KeyboardInterrupt
        return epoch(*parts)

    monkeypatch.setattr(fitting, "_epoch", counted)
    return begun


def weights(seed: int) -> list[dict[str, torch.Tensor]]:
    names = ("last", "best_on_validation", "best_on_test")
    return [load_file(OWN.model("refinevad", seed) / f"{name}.safetensors") for name in names]


def test_a_killed_run_goes_on_and_another_seed_begins(repository: Path, epochs: list[int]) -> None:
    with pytest.raises(KeyboardInterrupt):
        train.main("own", "refinevad", 0)
    train.main("own", "refinevad", 7)
    assert len(epochs) == 3 + EPOCHS
    train.main("own", "refinevad", 0)
    assert len(epochs) == 3 + EPOCHS + (EPOCHS - 2)
    resumed, history = weights(0), (OWN.model("refinevad", 0) / "history.csv").read_text()
    train.main("own", "refinevad", 0)
    assert len(epochs) == 3 + EPOCHS + (EPOCHS - 2) + EPOCHS  # its progress is gone
    assert all(same(one, two) for one, two in zip(resumed, weights(0), strict=True))
    assert (OWN.model("refinevad", 0) / "history.csv").read_text() == history


def brighten(video: int) -> None:
    """Another number in one video's image features."""
    path = OWN.table("clip")
    table = pq.read_table(path)
    rows, about = table.to_pylist(), tables.metadata(path)
    rows[video * T]["feature"][0] += 1.0
    schema = table.schema.remove_metadata()
    tables.write(pa.Table.from_pylist(rows, schema=schema), path, schema, about)


CHANGES: dict[str, Callable[[], None]] = {
    "settings": lambda: write_params(PARAMS, train={"lr": 1e-3}),
    "a training video": lambda: brighten(2),
    "a validation video": lambda: brighten(0),
    "a test video": lambda: brighten(1),
}


class BegunError(Exception):
    """Training would begin; the message is where its progress would be."""


def path_of(dataset: str = "own", seed: int = 0) -> str:
    with pytest.raises(BegunError) as caught:
        train.main(dataset, "refinevad", seed)
    return str(caught.value)


@pytest.fixture
def _no_training(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, progress: Progress, **how: Any) -> None:
        raise BegunError(str(progress.path))

    monkeypatch.setattr(training, "train_variant", refused)


@pytest.mark.usefixtures("_no_training")
@pytest.mark.parametrize("change", CHANGES)
def test_what_decides_a_run_tells_its_progress_apart(change: str) -> None:
    before = path_of()
    assert path_of() == before
    CHANGES[change]()
    assert path_of() != before


@pytest.mark.usefixtures("_no_training")
def test_seeds_and_datasets_have_a_progress_each() -> None:
    shutil.copytree(OWN.folder, Layout("demo").folder)
    assert len({path_of(), path_of(seed=7), path_of("demo")}) == 3
