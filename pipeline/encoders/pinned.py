"""Models that cannot change unnoticed: of the Hugging Face hub at a commit, or a local folder."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.digests import sha256_of
from pipeline.engine import FatalError, SpoiledError, first_line
from pipeline.errors import UserError

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def identity(model: str, revision: str | None) -> dict[str, Any]:
    """What stands for a model in a piece's key: its commit, or the content of its folder.

    `model` and `revision` are keys of one block of `params.yaml`. A folder is read whole, 16 GB
    for a model of 8 billion parameters: once a stage's run. Hidden files (a downloader's notes)
    do not count, nor do compiled ones. Raises `UserError` as `check` does.
    """
    check(model, revision)
    if revision is not None:
        return {"model": model, "revision": revision}
    return {"files": {str(name): sha256_of(Path(model) / name) for name in _names(Path(model))}}


def where(revision: str | None) -> dict[str, str]:
    """What `from_pretrained` takes beside the model's name."""
    return {} if revision is None else {"revision": revision}


def check(model: str, revision: str | None) -> None:
    """Raise `UserError` unless that is a local model or one of the hub at a commit.

    So for a folder that is not there, is no model or has a revision, and a hub id without one.
    """
    folder = Path(model)
    if folder.is_dir():
        if revision is not None:
            raise UserError(
                f"model {model} is a local folder, which has no revision ({revision}); remove "
                "`revision`: the folder's content is what counts"
            )
        if not (folder / "config.json").is_file():
            raise UserError(
                f"{model} holds no config.json, so it is no model; give the folder that "
                "`save_pretrained` or `hf download --local-dir` wrote"
            )
        return
    if not HUB_ID.fullmatch(model):
        raise UserError(
            f"model {model} is neither a folder here nor an id of the hub (owner/name); "
            "paths are relative to the root of the repository"
        )
    if revision is None:
        raise UserError(
            f"model {model} needs a `revision` beside it in params.yaml, else its weights could "
            "change unnoticed: the 40 hexadecimal digits of a commit, which "
            f"https://huggingface.co/{model}/commits/main lists"
        )


@contextmanager
def loading(model: str, revision: str | None) -> Iterator[None]:
    """Around what loads the model: whatever it raises ends the run, with the way out."""
    check(model, revision)
    try:
        yield
    except (UserError, SpoiledError):
        raise
    except Exception as error:  # of many kinds: no network, no such commit, a damaged file
        download = f"hf download {model}" + (f" --revision {revision}" if revision else "")
        way_out = (
            "look into the folder"
            if Path(model).is_dir()
            else f"`{download}` once, where the hub can be reached, or give a local folder"
        )
        at = f" at {revision}" if revision else ""
        raise FatalError(f"cannot load {model}{at}: {first_line(error)}; {way_out}") from error


def _names(folder: Path) -> list[Path]:
    """Paths of a model's files below its folder, sorted."""
    names = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    return sorted(name for name in names if not any(map(_passed_over, name.parts)))


def _passed_over(part: str) -> bool:
    return part.startswith(".") or part == "__pycache__"
