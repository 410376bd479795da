"""The graph from `manifest` to `text` in a repository of its own, and its commands."""

import shutil
import subprocess
from pathlib import Path

from ruamel.yaml import YAML

from tests.imports import ROOT
from tests.stages.small_dataset import environment

SLOW = 900  # seconds after which a command, of five stages perhaps, is taken to hang
STAGES = ("manifest", "decode", "clip", "caption", "text")


def write_graph(folder: Path) -> None:
    """Begin a repository with these stages of `dvc.yaml`, but for what they depend on as code."""
    yaml = YAML(typ="safe")
    whole = yaml.load(ROOT / "dvc.yaml")["stages"]
    stages = {name: whole[name] for name in STAGES}
    for stage in stages.values():
        stage["deps"] = [path for path in stage["deps"] if path.startswith("data/")]
    yaml.dump({"stages": stages}, folder / "dvc.yaml")
    for name in (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    said(start(folder, "git", "init", "--quiet"))


def start(folder: Path, *command: str, **variables: str) -> subprocess.Popen[str]:
    """The command in `folder`, begun, with this repository's code."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def said(process: subprocess.Popen[str], status: int = 0) -> str:
    """All that a command prints, when it ends with that status."""
    try:
        out, _ = process.communicate(timeout=SLOW)
    finally:
        process.kill()
    assert process.returncode == status, out
    return out


def repro(folder: Path, stage: str) -> str:
    """What `dvc repro` of the stage of the dataset `own` prints."""
    return said(start(folder, "dvc", "repro", f"{stage}@own"))
