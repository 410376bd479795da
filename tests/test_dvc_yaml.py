"""dvc.yaml says what the programs do: their code, their parameters, their matrix."""

import ast
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.imports import ROOT, closure

GRAPH: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")
STAGES: dict[str, Any] = {name: entry.get("do", entry) for name, entry in GRAPH["stages"].items()}
DATA = "data/"
NOT_TRACKED = {"runtime"}  # cannot change a result


def program(stage: str) -> Path:
    return ROOT / "stages" / f"{stage}.py"


@pytest.mark.parametrize("stage", STAGES)
def test_code_dependencies_are_what_the_program_imports(stage: str) -> None:
    listed = {path for path in STAGES[stage]["deps"] if not path.startswith(DATA)}
    assert listed == closure(program(stage))


def used_parameters(stage: str) -> set[str]:
    """Sections of `params` that a program reads: `params.clip`, `getattr(params.heads, ...)`."""
    used = set()
    for node in ast.walk(ast.parse(program(stage).read_text())):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "params"
        ):
            used.add(node.attr)
    used = {"sources" if name == "source" else name for name in used}
    return used - {"model_dump"} - NOT_TRACKED


@pytest.mark.parametrize("stage", sorted(set(STAGES) - {"train", "report"}))
def test_tracked_parameters_are_what_the_program_reads(stage: str) -> None:
    tracked = {name.split(".")[0] for name in STAGES[stage].get("params", [])}
    assert tracked == used_parameters(stage)


def test_the_trained_config_and_the_page_track_every_section_they_record() -> None:
    sections = set(YAML(typ="safe").load(ROOT / "params.yaml"))
    train = {name.split(".")[0] for name in STAGES["train"]["params"]}
    assert train == used_parameters("train") | {"decode", "clip", "caption"}
    report = {name.split(".")[0] for name in STAGES["report"]["params"]}
    others = {"generated", "datasets", "crossvalidate", "ablation", "transfer"}
    assert report == sections - others - NOT_TRACKED


@pytest.mark.parametrize("stage", STAGES)
def test_the_command_is_the_stage_s_program_for_one_item(stage: str) -> None:
    entry = STAGES[stage]
    if "foreach" in GRAPH["stages"][stage]:
        assert entry["cmd"] == f"python -m stages.{stage} ${{key}}"
        return
    if stage == "transfer":
        assert entry["matrix"] == {"pair": "${transfer.pairs}"}
        assert (
            entry["cmd"] == f"python -m stages.{stage} ${{item.pair.source}} ${{item.pair.target}}"
        )
        return
    keys = list(entry.get("matrix", {}))
    arguments = "".join(f" ${{item.{key}}}" for key in keys)
    assert entry["cmd"] == f"python -m stages.{stage}{arguments}"
    if keys:
        chosen = "crossvalidate.datasets" if stage == "crossvalidate" else "datasets"
        assert entry["matrix"]["dataset"] == f"${{{chosen}}}"


def test_every_generated_dataset_is_a_stage_of_its_own() -> None:
    assert GRAPH["stages"]["demo"]["foreach"] == "${generated}"
    assert STAGES["demo"]["params"] == ["generated.${key}"]
    assert STAGES["demo"]["outs"] == ["data/${key}/raw"]


def test_no_output_escapes_the_cache() -> None:
    text = (ROOT / "dvc.yaml").read_text()
    assert "persist:" not in text
    assert "cache: false" not in text
