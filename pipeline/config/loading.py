"""Reading `params.yaml`: every wrong key with its line."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from pipeline.config.params import Params
from pipeline.errors import UserError


def load(path: Path) -> Params:
    """Read and validate a parameter file; a `UserError` names every wrong key and its line."""
    try:
        tree = YAML(typ="rt").load(path)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; run from the root of the repository") from None
    except YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from error
    try:
        return Params.model_validate(YAML(typ="safe", pure=True).load(path))
    except ValidationError as error:
        lines = [_explain(path, tree, problem) for problem in error.errors()]
        raise UserError("\n".join(lines)) from None


def _explain(path: Path, tree: Any, problem: Any) -> str:
    """`params.yaml:12: decode.snipets: unknown key` for one problem that pydantic found."""
    keys, line, node = [], 1, tree
    for number, step in enumerate(problem["loc"], start=1):
        if not isinstance(node, CommentedMap | CommentedSeq) or not _has(node, step):
            # Else it is the name of one of several kinds of a section, which stands in no file.
            if problem["type"] == "missing" and number == len(problem["loc"]):
                keys.append(str(step))
            continue
        position = node.lc.item(step) if isinstance(step, int) else node.lc.key(step)
        keys, line, node = [*keys, str(step)], position[0] + 1, node[step]
    message = {
        "extra_forbidden": "unknown key; is it misspelt?",
        "missing": "this key is missing",
    }.get(problem["type"], f"{problem['msg']}, found {_brief(problem['input'])}")
    if problem["type"] == "value_error":
        message = str(problem["ctx"]["error"])
    if problem["type"] == "union_tag_invalid":
        kind = problem["ctx"]["discriminator"].strip("'")
        known = problem["ctx"]["expected_tags"]
        message = f"{kind}: there is no '{problem['ctx']['tag']}' (known: {known})"
    return f"{path}:{line}: {'.'.join(keys) or 'top level'}: {message}"


def _has(node: Any, step: Any) -> bool:
    return step in node if isinstance(step, str) else isinstance(node, list)


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
