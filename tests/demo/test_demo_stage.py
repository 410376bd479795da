"""The stage, and the generated datasets that params.yaml describes."""

from pathlib import Path

import pytest

from pipeline import config
from pipeline.config import UcfCrimeSource
from pipeline.errors import UserError
from stages import demo
from tests.demo.conftest import TINY
from tests.imports import ROOT
from tests.params import write_params


def test_a_dataset_is_written_to_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = TINY.model_dump() | {"n_train": 2, "n_test": 2, "categories": ["Flood"]}
    write_params(tmp_path / "params.yaml", generated={"flooded": small}, runtime={"workers": 1})
    monkeypatch.chdir(tmp_path)
    assert demo.main("flooded") == "data/flooded/raw: 4 videos"
    raw = tmp_path / "data/flooded/raw"
    assert len(list(raw.rglob("*.mp4"))) == 4
    assert len(list(raw.glob("Anomaly-Videos-Part-1/Flood/*.mp4"))) == 2
    assert [folder.name for folder in (tmp_path / "data").iterdir()] == ["flooded"]


def test_an_unknown_name_is_told_with_the_known_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params(tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"'night' is not in `generated` \(known: demo, demo_night"):
        demo.main("night")
    assert not (tmp_path / "data").exists()


def test_every_generated_dataset_has_a_source_of_its_categories() -> None:
    params = config.load(ROOT / "params.yaml")
    for name, settings in params.generated.items():
        source = params.source(name)
        assert isinstance(source, UcfCrimeSource)
        assert source.categories == settings.categories


def test_the_generated_datasets_share_some_categories_and_each_has_its_own() -> None:
    generated = config.load(ROOT / "params.yaml").generated
    day, night = (set(generated[name].categories) for name in ("demo", "demo_night"))
    assert len(day & night) >= 2
    assert len(day - night) >= 2
    assert len(night - day) >= 2
    assert generated["demo_night"].daylight < generated["demo"].daylight
