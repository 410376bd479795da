"""InternVideo2.5 at work in an interpreter of its own: frames come and captions go as files.

`python worker.py SETTINGS.json`; it imports nothing of the project, whose libraries are
other versions. What it says on stdout are lines: first a JSON object with `ready` or `error`, then
the name of each request that is answered. Names of requests come on stdin. Request `n` is
`n.zip` in the exchange folder: JPEGs, and `frames.json` with the names of each snippet's frames.
The answer is `n.json`: an object with `captions` or `error`.
"""

import ctypes
import importlib
import importlib.metadata
import importlib.util
import io
import json
import os
import queue
import signal
import sys
import threading
import traceback
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:  # never when it runs
    from pipeline.encoders.captioners.internvideo.worker.chat import Chat, Frame, Frames

PR_SET_PDEATHSIG = 1  # of linux/prctl.h
PREPARED = 1  # requests that wait, frames decoded, while the model is busy


def main(settings_path: str) -> int:
    """Answer requests until stdin ends; returns the exit status."""
    answers = private_stdout()
    settings = json.loads(Path(settings_path).read_text(encoding="utf-8"))
    end_with(settings["parent"])
    try:
        versions = check_versions(settings["transformers"])
        chat = set_up(settings)
    except Exception as error:
        traceback.print_exc()
        print(json.dumps({"error": told(error)}), file=answers, flush=True)
        return 1
    print(json.dumps({"ready": versions | chat.described()}), file=answers, flush=True)
    exchange = Path(settings["exchange"])
    prepared = preparing(exchange, chat.side)
    while (request := prepared.get()) is not None:
        write(exchange / f"{request.name}.json", request.answer(chat))
        print(request.name, file=answers, flush=True)
    return 0


def private_stdout() -> TextIO:
    """The stdout that this process was started with; what others print goes to stderr from now.

    The model's code prints, and a line of its would be taken for an answer.
    """
    private = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr  # unbuffered, so that a process that dies has said it
    return os.fdopen(private, "w", encoding="utf-8")


def end_with(parent: int) -> None:
    """Ask Linux to kill this process when the one that started it ends, however it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)


def check_versions(fit: list[str]) -> dict[str, str]:
    """Versions of what decides whether the model works; raises `RuntimeError` for unfit ones.

    `fit`: the first version of transformers that is, and the first after it that is not.
    """
    way_out = f"{sys.executable} is not made from requirements-internvideo.txt; `make internvideo`"
    try:
        versions = {name: importlib.metadata.version(name) for name in ("transformers", "torch")}
    except importlib.metadata.PackageNotFoundError as error:
        raise RuntimeError(f"{error.name} is not installed: {way_out}") from error
    low, found, high = (
        tuple(int(part) for part in version.split(".")[:2])
        for version in (fit[0], versions["transformers"], fit[1])
    )
    if not low <= found < high:
        raise RuntimeError(
            f"transformers {versions['transformers']} is installed, the model's code works "
            f"from {fit[0]} to below {fit[1]}: {way_out}"
        )
    return versions


def set_up(settings: dict[str, Any]) -> "Chat":
    """Load the model, beside a torchvision that imports."""
    specification = importlib.util.spec_from_file_location("torchvision_guard", settings["guard"])
    assert specification is not None
    assert specification.loader is not None
    guard = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(guard)
    guard.import_torchvision()
    beside: Any = importlib.import_module("chat")
    chat: Chat = beside.Chat(settings)
    return chat


def preparing(exchange: Path, side: int) -> "queue.Queue[Prepared | None]":
    """Requests that stdin names, prepared by a thread while the model is busy; None at the end."""
    prepared: queue.Queue[Prepared | None] = queue.Queue(PREPARED)

    def prepare_all() -> None:
        try:
            for line in sys.stdin:
                prepared.put(Prepared(exchange, line.strip(), side))
        finally:  # whatever it was: the process must end, not wait
            prepared.put(None)

    threading.Thread(target=prepare_all, daemon=True).start()
    return prepared


class BrokenFrameError(Exception):
    """A sampled frame that is no whole picture."""


class Prepared:
    """A request whose frames are decoded, or why they cannot be."""

    def __init__(self, exchange: Path, name: str, side: int) -> None:
        self.name = name
        self.snippets: list[Frames] = []
        self.error: str | None = None
        try:
            self.snippets = decoded(exchange / f"{name}.zip", side)
        except BrokenFrameError as error:
            self.error = str(error)
        except Exception as error:  # this request's, whatever it is
            self.error = f"the request {name}.zip cannot be prepared ({told(error)})"

    def answer(self, chat: "Chat") -> dict[str, Any]:
        """What is written for it; raises what leaves this process useless."""
        if self.error is not None:
            return {"error": self.error}
        try:
            return {"captions": chat.captions(self.snippets)}
        except chat.BROKEN:
            raise
        except Exception as error:
            traceback.print_exc()
            return {"error": told(error)}


def decoded(path: Path, side: int) -> "list[Frames]":
    """Each snippet's frames (K, side, side, 3) uint8; raises `BrokenFrameError`."""
    import numpy as np  # noqa: PLC0415  (unfit interpreters may lack it)

    with zipfile.ZipFile(path) as packed:
        return [
            np.stack([picture(packed.read(name), side) for name in names])
            for names in json.loads(packed.read("frames.json"))
        ]


def picture(jpeg: bytes, side: int) -> "Frame":
    """The frame (side, side, 3) uint8, resized as the model's authors do."""
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    try:
        whole = Image.open(io.BytesIO(jpeg)).convert("RGB")
    except OSError as error:  # PIL's own are too
        raise BrokenFrameError(
            f"a frame cannot be decoded ({told(error)}); `dvc repro -f decode` mends it"
        ) from error
    return np.asarray(whole.resize((side, side), Image.Resampling.BICUBIC))


def write(path: Path, answer: dict[str, Any]) -> None:
    """Write JSON so that the file is whole or absent."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(answer), encoding="utf-8")
    temporary.replace(path)


def told(error: BaseException) -> str:
    """An error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
