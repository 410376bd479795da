"""A program in another interpreter that answers requests through files, and how it ends."""

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from pipeline.encoders.captioners.internvideo.exchange import Exchange
from pipeline.engine import SpoiledError
from pipeline.engine.local import how_it_died
from pipeline.errors import UserError

TAIL = 30  # lines of stderr that are kept
NOTE = "note: "  # how those of them begin that the user should see at once
STDERR_ENDS_S = 5.0  # after the program did; a child of its own may hold on to it
OURS = {"PYTHONPATH", "PYTHONHOME"}  # would give it this interpreter's libraries


class OtherInterpreter:
    """The program, told names of requests on its stdin and telling them on stdout when answered.

    The answer to `n` is `n.json` in the exchange folder, an object with `captions` or `error`.
    """

    def __init__(
        self, python: str, arguments: Sequence[str], exchange: Exchange, env: dict[str, str]
    ) -> None:
        """Start it; raises `OSError` when `python` cannot be started."""
        self.python, self.exchange = python, exchange
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._waiting: dict[str, Future[list[str]]] = {}
        self._changing = threading.Lock()
        self.ended: str | None = None  # how, once it has
        self.process = subprocess.Popen(
            [python, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env={key: value for key, value in os.environ.items() if key not in OURS} | env,
        )
        self._stderr = threading.Thread(target=self._keep_tail, daemon=True)
        self._stderr.start()

    def wait_until_ready(self) -> dict[str, str]:
        """What the program says of itself when it is set up, however long that takes.

        Raises `UserError` with its own reason, or with its last words when it ends without one.
        """
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise UserError(f"{self.python} ended before it was ready: {self._how_it_ended()}")
        with suppress(ValueError):
            said = json.loads(line)
            if isinstance(said, dict) and "error" in said:
                raise UserError(str(said["error"]))
            if isinstance(said, dict) and "ready" in said:
                threading.Thread(target=self._listen, daemon=True).start()
                return dict(said["ready"])
        raise UserError(f"{self.python} should say that it is ready, and said {line.strip()[:200]}")

    def ask(self, name: str) -> Future[list[str]]:
        """Hand over a request that lies in the exchange folder; raises `SpoiledError` when ended.

        The future's error is `SpoiledError` when the program ends before it has answered.
        """
        future: Future[list[str]] = Future()
        with self._changing:
            self.check()
            self._waiting[name] = future
        assert self.process.stdin is not None
        with suppress(OSError):  # it has ended; the thread that listens to it sees to the rest
            self.process.stdin.write(f"{name}\n")
            self.process.stdin.flush()
        return future

    def check(self) -> None:
        """Raise `SpoiledError` when the program has ended."""
        if self.ended is not None:
            raise SpoiledError(self.ended)

    def last_lines(self) -> list[str]:
        """The last that it said on stderr."""
        return [line for line in self._tail.copy() if line.strip()]

    def end(self) -> None:
        """Kill the program, which has nothing to lose, and remove the folder."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        with suppress(OSError):  # a name that it did not read any more
            self.process.stdin.close()
        self.exchange.remove()

    def _keep_tail(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stderr:
            for line in stderr:
                self._tail.append(line.rstrip())
                if line.startswith(NOTE):
                    print(line.rstrip(), file=sys.stderr, flush=True)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        try:
            with self.process.stdout as stdout:
                for line in stdout:
                    self._settle(line.strip())
        finally:  # whatever it was: nobody must wait for ever
            self.process.kill()
            self._give_up()

    def _give_up(self) -> None:
        how = self._how_it_ended()
        with self._changing:
            self.ended = how
        self.exchange.remove()  # now: who reads the future may end this process
        for future in self._waiting.values():
            if future.set_running_or_notify_cancel():
                future.set_exception(SpoiledError(how))

    def _settle(self, name: str) -> None:
        future = self._waiting.pop(name, None)
        answer = self._answer(name)
        if future is None or not future.set_running_or_notify_cancel():
            return
        if "captions" in answer:
            future.set_result(answer["captions"])
        else:
            future.set_exception(UserError(str(answer.get("error"))))

    def _answer(self, name: str) -> dict[str, Any]:
        path = self.exchange.folder / f"{name}.json"
        try:
            answer: dict[str, Any] = dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            return {"error": f"the answer {path.name} cannot be read ({error})"}
        for read in (path, path.with_suffix(".zip")):
            read.unlink(missing_ok=True)
        return answer

    def _how_it_ended(self) -> str:
        """How, and what it said at last: the last line first, for those who quote one line."""
        how = how_it_died(self.process.wait())
        self._stderr.join(STDERR_ENDS_S)
        lines = self.last_lines()
        last = f"; it said last: {lines[-1]}" if lines else "; it said nothing"
        return "\n".join([f"the program in {self.python} ended ({how}){last}", *lines[:-1]])
