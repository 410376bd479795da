"""`internvideo`: InternVideo2.5 by its authors' code, which runs in an interpreter of its own.

That code works with an older transformers than the rest of the pipeline. So the model lives
in a process of another environment (`make internvideo`, `worker/`), which gets
frames and gives captions as files of an exchange folder.
"""

import itertools
import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from pipeline.atomic import UnwritableError
from pipeline.config import InternVideoCaption, Runtime
from pipeline.encoders import pinned
from pipeline.encoders.captioners.in_flight import alike, captions
from pipeline.encoders.captioners.internvideo.exchange import Exchange
from pipeline.encoders.captioners.internvideo.other_interpreter import OtherInterpreter
from pipeline.encoders.captioners.snippets import Snippets, evenly
from pipeline.engine import FatalError
from pipeline.errors import UserError

VERSION = 1  # raise when captions change for the same settings and frames
WORKER = Path(__file__).parent / "worker" / "worker.py"
FIT = ("4.40", "4.50")  # transformers: the first that the model's code works with, and fails with
AHEAD = 2  # requests under way beside that which is waited for


def identity(settings: InternVideoCaption) -> dict[str, Any]:
    """All that decides captions, for a piece's key.

    Without versions of libraries: captions of a dataset cost days, and differ in a word here and
    there between two kinds of GPU anyway.
    """
    asked = settings.model_dump(exclude={"backend", "model", "revision", "trust_remote_code"})
    return {"model": pinned.identity(settings.model, settings.revision)} | asked


class InternVideoCaptioner:
    """Captions by a model in another process, which ends with this one.

    Building it takes as long as loading the model, and raises `UserError` when that fails. When the
    other process dies later, calls raise `SpoiledError`.
    """

    def __init__(self, settings: InternVideoCaption, runtime: Runtime) -> None:
        pinned.check(settings.model, settings.revision)  # its code is going to run
        self.n_frames = settings.frames
        self.cut = partial(alike, size=runtime.captions.batch_size)
        self.names = map(str, itertools.count())
        self.exchange = Exchange("internvideo-")
        try:
            self.worker = self._start(settings, runtime)
        except BaseException:
            self.exchange.remove()
            raise
        # Unlike atexit, also when the engine ends this process.
        end = Finalize(self, self.worker.end, exitpriority=10)
        try:
            self.described = self.worker.wait_until_ready()
        except BaseException:
            end()
            raise

    def __call__(self, videos: Iterable[Snippets]) -> Iterator[tuple[int, list[str] | Exception]]:
        """See `snippets.Captioner`."""
        return captions(videos, self.cut, self._submit, ahead=AHEAD)

    def _start(self, settings: InternVideoCaption, runtime: Runtime) -> OtherInterpreter:
        # Here and not above: they import torch, and `rules` needs none.
        from pipeline.devices import pick_device  # noqa: PLC0415
        from pipeline.encoders import torchvision_guard  # noqa: PLC0415

        folder, python = self.exchange.folder, runtime.captions.internvideo_python
        told = settings.model_dump() | {
            # Chosen here, where the engine counts workers by it, and not by the other torch.
            "device": pick_device(runtime.device).type,
            "exchange": str(folder),
            "guard": torchvision_guard.__file__,
            "parent": os.getpid(),
            "transformers": FIT,
        }
        (folder / "settings.json").write_text(json.dumps(told), encoding="utf-8")
        # The model's code is copied there before it runs: workers that start together and shared
        # a place would read each other's half-written files.
        env = {"HF_MODULES_CACHE": str(folder / "modules")}
        arguments = [str(WORKER), str(folder / "settings.json")]
        try:
            return OtherInterpreter(python, arguments, self.exchange, env)
        except OSError as error:
            raise UserError(
                f"runtime.captions.internvideo_python: {python} cannot be started "
                f"({error.strerror}); `make internvideo` makes .venv-internvideo/bin/python"
            ) from error

    def _submit(self, video: Snippets, numbers: Sequence[int]) -> Future[list[str]]:
        name = next(self.names)
        path = self.exchange.folder / f"{name}.zip"
        try:
            pack(path, [evenly(video.images[number], self.n_frames) for number in numbers])
        except OSError as error:  # not the video's fault
            self.worker.check()  # the folder goes when the worker ends
            raise FatalError(str(UnwritableError.of(path, error))) from error
        return self.worker.ask(name)


def pack(path: Path, snippets: Sequence[Sequence[bytes]]) -> None:
    """Write a request: each snippet's JPEGs, and `frames.json` with their names by snippet."""
    names = [[f"{i}-{k}.jpg" for k in range(len(jpegs))] for i, jpegs in enumerate(snippets)]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr("frames.json", json.dumps(names))
        for own_names, jpegs in zip(names, snippets, strict=True):
            for name, jpeg in zip(own_names, jpegs, strict=True):
                packed.writestr(name, jpeg)
