"""Models that cannot change unnoticed: of the Hugging Face hub at a commit, or a local folder."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pipeline.digests import sha256_of
from pipeline.engine import FatalError, SpoiledError, first_line
from pipeline.errors import UserError

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")

# Of a model's folder what decides nothing: hidden (a downloader's notes), compiled, to be read by
# people. Of weights in several formats all count: which is loaded is the library's choice.
UNUSED = (".*", "__pycache__", "*.md", "LICENSE*", "NOTICE*")
PICTURES = ("*.png", "*.jpg", "*.jpeg", "*.gif", "*.svg", "*.webp")
LOGS = "runs"  # of a training; at the folder's top

FULL = "out of memory"


def identity(model: str, revision: str | None) -> dict[str, Any]:
    """What stands for a model in a piece's key: its commit, or the content of its folder.

    `model` and `revision` are keys of one block of `params.yaml`. A folder is read whole but for
    what decides nothing (see `UNUSED`), 16 GB for a model of 8 billion parameters: once a stage's
    run. Raises `UserError` as `check` does, and for a folder in it that is a link.
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
            f"model: there is no folder {model}, and an id of the hub is owner/name; paths are "
            "relative to the root of the repository, with ~ written out"
        )
    if revision is None:
        raise UserError(
            f"model: there is no folder {model} here; as an id of the hub it needs a `revision` "
            "beside it in params.yaml, else its weights could change unnoticed: the 40 hexadecimal "
            "digits of a commit, which "
            f"https://huggingface.co/{model}/commits/main lists"
        )


@contextmanager
def loading(model: str, revision: str | None) -> Iterator[None]:
    """Around what loads the model, onto its device too: what it raises tells the way out.

    Ends the run with `FatalError`, but for a GPU that broke: `SpoiledError`.
    """
    check(model, revision)
    try:
        yield
    except (UserError, SpoiledError):
        raise
    except Exception as error:  # of many kinds: no network, no such commit, a damaged file
        raise _told(error, model, revision) from error


def _told(error: Exception, model: str, revision: str | None) -> FatalError | SpoiledError:
    import torch  # noqa: PLC0415  (rules ask for no model, and must not wait for it)

    from pipeline.encoders.memory import out_of_memory  # noqa: PLC0415

    broken = isinstance(error, torch.AcceleratorError)
    # A GPU that others have filled fails so before PyTorch's own allocator is asked.
    if out_of_memory(error) or isinstance(error, MemoryError) or (broken and FULL in str(error)):
        return FatalError(
            f"{model} does not fit into memory beside what else is there: {first_line(error)}; "
            "choose precision bf16, a smaller model or a freer device"
        )
    if broken:
        return SpoiledError(f"the GPU failed: {first_line(error)}")
    download = f"hf download {model}" + (f" --revision {revision}" if revision else "")
    way_out = (
        "look into the folder"
        if Path(model).is_dir()
        else f"`{download}` once, where the hub can be reached, or give a local folder"
    )
    at = f" at {revision}" if revision else ""
    return FatalError(f"cannot load {model}{at}: {first_line(error)}; {way_out}")


def _names(folder: Path) -> list[Path]:
    """Paths of a model's files below its folder, sorted; those that decide nothing left out."""
    names = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    used = [name for name in names if name.parts[0] != LOGS and not any(map(_unused, name.parts))]
    for name in used:
        if (folder / name).is_dir() and (folder / name).is_symlink():
            raise UserError(
                f"{folder / name} is a link to a folder, which a model's digest does not follow; "
                "put the folder itself there, or remove the link"
            )
    return [name for name in used if not (folder / name).is_dir()]


def _unused(part: str) -> bool:
    return any(fnmatchcase(part, pattern) for pattern in (*UNUSED, *PICTURES))
