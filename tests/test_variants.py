"""Rows of the ablation: what they change, and what is refused before any work."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline import config
from pipeline.config import Row, of_head, of_row
from pipeline.errors import UserError
from tests.imports import ROOT

PARAMS = config.load(ROOT / "params.yaml")
SHARED = PARAMS.heads, PARAMS.features, PARAMS.train


def row(**values: Any) -> Row:
    return Row.model_validate(values)


def test_a_row_changes_what_it_names_and_nothing_else() -> None:
    changed = of_row("x", row(settings={"motar": {"shift": "none"}}), *SHARED).identity()
    before = of_head("refinevad", *SHARED).identity()
    assert before["settings"]["motar"]["shift"] != "none"
    assert changed["settings"]["motar"].pop("shift") == "none"
    before["settings"]["motar"].pop("shift")
    assert changed == before


def test_a_row_changes_input_and_training_too_and_takes_another_head() -> None:
    found = of_row(
        "x",
        row(head="base", settings={"width": 7}, features={"center": False}, train={"epochs": 3}),
        *SHARED,
    )
    assert (found.name, found.head) == ("x", "base")
    assert found.settings == PARAMS.heads.base.model_copy(update={"width": 7})
    assert found.features == PARAMS.features.model_copy(update={"center": False})
    assert found.train == PARAMS.train.model_copy(update={"epochs": 3})


def test_a_list_is_replaced_not_joined() -> None:
    found = of_row("x", row(settings={"scorer": {"hidden": [5, 4]}}), *SHARED)
    assert found.identity()["settings"]["scorer"]["hidden"] == [5, 4]


def test_no_change_is_the_head_itself() -> None:
    assert of_row("x", row(), *SHARED).identity() == of_head("refinevad", *SHARED).identity()


def test_every_row_of_params_is_another_variant() -> None:
    found = [of_row(name, own, *SHARED).identity() for name, own in PARAMS.ablation.rows.items()]
    assert all(one not in found[:number] for number, one in enumerate(found))


def test_losses_come_in_one_by_one_as_the_rows_of_the_papers_table_do() -> None:
    rows = list(PARAMS.ablation.rows.items())[:5]
    settings = [of_row(name, own, *SHARED).identity()["settings"] for name, own in rows]
    assert [name for name, _ in rows][-1] == "all"
    assert [own["category"]["weight"] > 0 for own in settings] == [False, False, True, True, True]
    assert [own["gmm"]["weight"] > 0 for own in settings] == [False, False, False, False, True]


def test_all_modalities_that_are_read_each_once_the_heads_own_first() -> None:
    first = PARAMS.features.model_copy(update={"modalities": ["text"]})
    rows = [row(), row(features={"modalities": ["image"]}), row(features={"center": False})]
    variants = [of_row("x", own, PARAMS.heads, first, PARAMS.train) for own in rows]
    assert config.modalities_of(first, variants) == ["text", "image"]
    assert config.modalities_of(first, variants[:1]) == ["text"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"settings": {"motar": {"shfit": "none"}}}, r"motar\.shfit: Extra inputs.*found 'none'"),
        ({"settings": {"motr": {}}}, r"motr: Extra inputs"),
        ({"settings": {"motar": "none"}}, r"motar: Input should be .*found 'none'"),
        ({"settings": {"width": "64"}}, r"width: Input should be a valid integer, found '64'"),
        ({"features": {"modalities": ["audio"]}}, r"modalities\.0: .*found 'audio'"),
        ({"train": {"lr": -1.0}}, r"lr: Input should be greater than 0, found -1\.0"),
        ({"head": "rtfm"}, r"there is no head 'rtfm' \(known: base, refinevad\)"),
    ],
)
def test_what_is_wrong_in_a_row_names_the_row(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=rf"^rows: my row: {reason}"):
        of_row("my row", row(**changes), *SHARED)


def write(path: Path, section: str, **changes: Any) -> Path:
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    params[section].update(changes)
    yaml.dump(params, path / "params.yaml")
    return path / "params.yaml"


@pytest.mark.parametrize(
    ("section", "changes", "reason"),
    [
        ("ablation", {"rows": {"all": {"settings": {"widht": 2}}}}, "rows: all: widht"),
        ("ablation", {"rows": {"all": {"setings": {}}}}, r"ablation\.rows\.all\.setings: unknown"),
        ("ablation", {"rows": {"all": {}, "base": {}}}, "'base' is the name of a head"),
        ("ablation", {"rows": {"all": {"settings": {"mil": {"top_k": 99}}}}}, "99 is more than"),
        ("ablation", {"rows": {"all": {"published": {"demo": 88.89}}}}, "less than or equal to 1"),
        ("ablation", {"reference": "full"}, r"ablation: 'full' is not in `ablation\.rows`"),
        ("ablation", {"datasets": ["nowhere"]}, "ablation: 'nowhere' is not in `sources`"),
        ("crossvalidate", {"reference": "rtfm"}, "crossvalidate.reference: 'rtfm' is not in"),
        (
            "crossvalidate",
            {"reference": None, "rows": {"x": {"head": "rtfm"}}},
            "crossvalidate.rows: x: there is no head",
        ),
        (
            "crossvalidate",
            {"reference": None, "rows": {"base": {}}},
            "crossvalidate.rows: 'base' is the name of a",
        ),
    ],
)
def test_an_ablation_that_cannot_be_had_is_refused_when_the_file_is_read(
    tmp_path: Path, section: str, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        config.load(write(tmp_path, section, **changes))
