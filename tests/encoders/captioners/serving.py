"""A server process for a test, and captioners that ask it."""

import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.config import Runtime
from pipeline.config.captions import CaptionRuntime, EndpointCaption
from pipeline.encoders.captioners.endpoint import EndpointCaptioner
from pipeline.encoders.captioners.snippets import Snippets
from tests.encoders.captioners.server import digest
from tests.encoders.pictures import jpeg, noise
from tests.imports import ROOT
from tests.runtime import RUNTIME

KEY_VARIABLE = "KEY_OF_THE_TEST_SERVER"
PATIENT = RUNTIME.model_copy(update={"timeout_s": 60.0})


class Running:
    """A server that has been started."""

    def __init__(self, url: str, program: subprocess.Popen[str]) -> None:
        self.url, self.program = url, program

    def trouble(self, **fields: Any) -> None:
        """Get it into trouble (`server.Trouble`); nothing: out of it."""
        self._fetch("/trouble", json.dumps(fields).encode())

    def seen(self) -> dict[str, Any]:
        """The requests that came, and how many there were at once."""
        return self._fetch("/seen", None)

    def times_asked(self) -> Counter[str]:
        """How often it was asked about each image."""
        return Counter(asked["image"] for asked in self.seen()["asked"])

    def _fetch(self, path: str, body: bytes | None) -> dict[str, Any]:
        with urllib.request.urlopen(self.url.removesuffix("/v1") + path, body) as response:
            found: dict[str, Any] = json.load(response)
            return found


@contextmanager
def serving(*arguments: str) -> Iterator[Running]:
    """A server on a free port of this machine."""
    command = [sys.executable, "-m", "tests.encoders.captioners.server", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as program:
        try:
            assert program.stdout
            yield Running(program.stdout.readline().strip(), program)
        finally:
            program.kill()


def runtime(url: str | None, **settings: Any) -> Runtime:
    """Two tries, seconds to answer, four requests at a time."""
    given = {"requests": 4, "request_timeout_s": 5.0, "retries": 1} | settings
    captions = CaptionRuntime(url=url, api_key_variable=KEY_VARIABLE, **given)
    return PATIENT.model_copy(update={"captions": captions})


def settings(**changes: Any) -> EndpointCaption:
    given = {"model": "tiny", "revision": "1", "frames": 2, "prompt": "What?"} | changes
    return EndpointCaption(backend="endpoint", **given)


def captioner(server: Running, **changes: Any) -> EndpointCaptioner:
    """One that waits hundredths of a second where others wait seconds."""
    return EndpointCaptioner(settings(), runtime(server.url, **changes), first_wait_s=0.02)


def video(number: int, n_snippets: int = 3) -> Snippets:
    """Snippets of two frames each, of which no two are alike."""
    firsts = [1000 * number + 2 * i for i in range(n_snippets)]
    images = [[jpeg(noise(first)), jpeg(noise(first + 1))] for first in firsts]
    n = range(n_snippets)
    return Snippets(f"v{number}", list(n), [i + 1 for i in n], images)


def digests(of: Snippets) -> list[str]:
    """What the server knows each snippet by."""
    return [digest(images[0]) for images in of.images]


def expected(of: Snippets) -> list[str]:
    """The captions of the server without a model."""
    return [f"{name} and 1 more" for name in digests(of)]


def captions(
    asking: EndpointCaptioner, *videos: Snippets
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Each video's captions, and why the others have none."""
    found, failed = {}, {}
    for position, outcome in asking(iter(videos)):
        name = videos[position].video_id
        if isinstance(outcome, Exception):
            failed[name] = str(outcome)
        else:
            found[name] = outcome
    return found, failed
