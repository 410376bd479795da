"""A worker on a node of a Ray cluster, as the program that started it sees it."""

import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from pipeline.engine.work import FatalError, first_line


def actor_class(ray: Any) -> Any:
    """The class of Ray actor that holds a `Worker`.

    Defined within a function, so that Ray sends its code along: a node can make the actor before
    it can import the project, and `settle` then sees to that.
    """

    class VideoWorker:
        def settle(self, folder: str, path: list[str]) -> str:
            """Make relative paths and imports mean what they mean to the driver; the node's id."""
            import os  # noqa: PLC0415
            import sys  # noqa: PLC0415

            import ray  # noqa: PLC0415

            os.chdir(folder)
            sys.path[:0] = [entry for entry in path if entry not in sys.path]
            return str(ray.get_runtime_context().get_node_id())

        def set_up(self, make: bytes) -> None:
            """Build the function."""
            from functools import partial  # noqa: PLC0415

            from pipeline.engine.work import Worker, load  # noqa: PLC0415

            self.worker = Worker(partial(load, make))

        def work(self, part: Any) -> tuple[Any, str | None, str | None]:
            """The function's value, or why there is none, or why the run must stop."""
            from pipeline.engine.work import FatalError  # noqa: PLC0415

            try:
                return *self.worker(part), None
            except FatalError as error:
                return None, None, str(error)

    return ray.remote(VideoWorker)


class RemoteWorker:
    """One actor: first it is placed on a node, then set up, then it works.

    `held` are the indices of the work handed to it, that under way first, each with its future
    result. `next` is what it will be done with next; what Ray raises on reading that tells why not.
    """

    def __init__(self, ray: Any, kind: Any, make: bytes, gpu: bool) -> None:
        self.ray = ray
        self.actor = kind.options(
            num_cpus=1, num_gpus=int(gpu), max_restarts=0, max_task_retries=0
        ).remote()
        self.placing: Any | None = self.actor.settle.remote(str(Path.cwd()), sys.path)
        self.setting_up: Any | None = self.actor.set_up.remote(make)
        self.node = ""
        self.held: deque[tuple[int, Any]] = deque()
        self.handed = 0
        self.since = time.monotonic()  # of the work under way

    @property
    def next(self) -> Any | None:
        """Ray's reference to what the actor is busy with; None when it is idle."""
        return self.placing or self.setting_up or (self.held[0][1] if self.held else None)

    @property
    def ready(self) -> bool:
        """Whether the function is built."""
        return self.placing is None and self.setting_up is None

    def hand(self, index: int, part: Any) -> None:
        """Give it work; what it cannot begin yet waits on its node."""
        if not self.held:
            self.since = time.monotonic()
        self.held.append((index, self.actor.work.remote(part)))
        self.handed += 1

    def advance(self) -> tuple[int, Any, str | None] | None:
        """Take what `next` came to: index, value and error of work; None for the steps before.

        Raises `FatalError`, and Ray's errors of actors that died.
        """
        if self.placing is not None:
            self.node = self._prepared(self.placing, "enter the repository")
            self.placing = None
            return None
        if self.setting_up is not None:
            self._prepared(self.setting_up, "import the project")
            self.setting_up = None
            return None
        index, result = self.held[0]
        try:
            value, error, fatal = self.ray.get(result)
        except self.ray.exceptions.RayTaskError as raised:  # such as a value that cannot be pickled
            value, error, fatal = None, first_line(raised.cause), None
        if fatal is not None:
            raise FatalError(fatal)
        self.held.popleft()
        self.since = time.monotonic()
        return index, value, error

    def _prepared(self, step: Any, what: str) -> Any:
        try:
            return self.ray.get(step)
        except self.ray.exceptions.RayTaskError as error:
            raise FatalError(
                f"a Ray worker could not {what} at {Path.cwd()}: {first_line(error.cause)}; "
                "every node must have the repository, its data and its Python at the same paths"
            ) from None

    def kill(self) -> None:
        """End the actor, whatever it does."""
        self.ray.kill(self.actor, no_restart=True)
