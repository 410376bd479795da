"""The repository's params.yaml with changes, for tests in another folder."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.imports import ROOT


def write_params(path: Path, **sections: Any) -> None:
    """Change the parameters at `path`; where there are none, begin with the repository's.

    A mapping updates a section, anything else replaces it.
    """
    yaml = YAML()
    params = yaml.load(path if path.exists() else ROOT / "params.yaml")
    for name, value in sections.items():
        if isinstance(value, dict):
            params[name].update(value)
        else:
            params[name] = value
    yaml.dump(params, path)
