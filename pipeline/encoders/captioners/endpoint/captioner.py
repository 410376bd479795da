"""Captions by asking a server for each snippet, several requests at a time."""

import base64
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import simplejpeg

from pipeline.config import Runtime
from pipeline.config.captions import EndpointCaption
from pipeline.encoders.captioners import in_flight
from pipeline.encoders.captioners.endpoint.address import SETTING
from pipeline.encoders.captioners.endpoint.answers import (
    ServedModel,
    caption_of,
    models_of,
    takes_penalty,
)
from pipeline.encoders.captioners.endpoint.retrying import FIRST_WAIT_S, Retries
from pipeline.encoders.captioners.endpoint.server import Failed, Server
from pipeline.encoders.captioners.snippets import Snippets, evenly
from pipeline.engine import FatalError
from pipeline.errors import UserError

VERSION = 1
TOGETHER = 16  # videos in one call: requests of one begin before those of another end
MOST_OF_THE_TIME = 0.9  # of runtime.timeout_s
GREY_SIDE = 224  # pixels
KEPT = "captions made so far are kept; run again to go on"


def identity(settings: EndpointCaption) -> dict[str, Any]:
    """What decides the captions beside the code. Where the server is does not."""
    return settings.model_dump(exclude={"backend"})


def together(_: Runtime) -> int:
    """Videos at a time."""
    return TOGETHER


class EndpointCaptioner:
    """Captions by a server; raises `UserError` when it is not there or serves another model."""

    def __init__(
        self, settings: EndpointCaption, runtime: Runtime, first_wait_s: float = FIRST_WAIT_S
    ) -> None:
        self.settings, self.runtime, self.first_wait_s = settings, runtime, first_wait_s
        if _pressing_s(runtime) <= 0:
            raise UserError(
                "two requests that take as long as they may "
                f"(runtime.captions.request_timeout_s, {runtime.captions.request_timeout_s:g} s) "
                f"leave nothing of {MOST_OF_THE_TIME:.0%} of runtime.timeout_s "
                f"({runtime.timeout_s:g} s), the time for all captions of a video: lower the one "
                "or raise the other"
            )
        self.server = Server(runtime.captions)
        try:
            answer = self._retries()(self.server.models)
            listed = [] if answer is None else models_of(answer, self.server.line)
            self.penalty = answer is not None and takes_penalty(answer)
        except Failed as error:
            raise FatalError(f"{error}. Start the server, or mend {SETTING}") from None
        except ValueError as error:
            raise FatalError(f"{self.server} gives {error}. Look at {SETTING}") from None
        self.model = ServedModel(settings.model, listed, str(self.server), self.server.name)

    def __call__(self, videos: Iterable[Snippets]) -> Iterator[tuple[int, list[str] | Exception]]:
        """See `snippets.Captioner`."""
        requests = self.runtime.captions.requests
        pool = ThreadPoolExecutor(requests, thread_name_prefix="captions")
        call = _Call(self, self._retries())
        try:
            yield from in_flight.captions(
                call.seen(videos), _one_each, partial(_submit, pool, call), ahead=2 * requests
            )
        finally:
            call.retries.over.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def _retries(self) -> Retries:
        return Retries(self.runtime.captions.retries, self.first_wait_s)

    def request(self, frames: Sequence[bytes]) -> dict[str, Any]:
        """The body of a request about JPEG frames: greedy, and the same whenever it is asked."""
        images = [{"type": "image_url", "image_url": {"url": _data_url(jpeg)}} for jpeg in frames]
        question = {"type": "text", "text": self.settings.prompt}
        body: dict[str, Any] = {
            "model": self.settings.model,
            "messages": [{"role": "user", "content": [*images, question]}],
            "temperature": 0,
            "seed": 0,
            "max_tokens": self.settings.max_new_tokens,
            "stream": False,
        }
        penalty = self.settings.repetition_penalty
        if penalty != 1.0 or self.penalty:  # no part of the protocol: others might refuse it
            body["repetition_penalty"] = penalty
        return body

    def answer(self, frames: Sequence[bytes]) -> str:
        """The caption of JPEG frames, asked for once; raises `Failed` or `FatalError`."""
        answer = self.server.complete(self.request(frames))
        self.model.check(answer)
        try:
            caption = caption_of(answer, self.server.line)
        except ValueError as error:
            raise Failed(f"{self.server}: {error}", again=True, suspect=True) from None
        return self.server.key.hidden_if_secret(caption)


class _Call:
    """What the threads of one call share."""

    def __init__(self, captioner: EndpointCaptioner, retries: Retries) -> None:
        self.captioner, self.retries = captioner, retries
        self.fatal: FatalError | None = None
        self.failed: set[str] = set()  # videos
        self.n_videos = 0
        # A worker that takes longer is killed. Alone, a video would be blamed for that.
        retries.until = time.monotonic() + _pressing_s(captioner.runtime)

    def seen(self, videos: Iterable[Snippets]) -> Iterator[Snippets]:
        """The videos as they are; with a second one, time no longer presses.

        A call of several may take several times as long, and where that is too short for all
        tries, no video is blamed: each goes on alone.
        """
        for video in videos:
            self.n_videos += 1
            if self.n_videos > 1:
                self.retries.until = float("inf")
            yield video

    def caption(self, video: Snippets, number: int) -> list[str]:
        """In a thread: the caption of a snippet.

        Raises what fails its video, or `FatalError`, which ends the waiting of all other threads.
        """
        if self.fatal:
            raise self.fatal
        if video.video_id in self.failed:
            raise UserError("another snippet of the video has failed")
        try:
            return [self._asked(video, number)]
        except FatalError as error:
            self.fatal = self.fatal or error
            self.retries.over.set()
            raise
        except Exception:
            self.failed.add(video.video_id)
            raise

    def _asked(self, video: Snippets, number: int) -> str:
        frames = evenly(video.images[number], self.captioner.settings.frames)
        try:
            return self.retries(partial(self.captioner.answer, frames))
        except Failed as failed:
            if self.fatal:  # so this thread's tries were cut short
                raise self.fatal from None
            if not failed.suspect:
                raise FatalError(f"{failed}; {KEPT}") from None
            self._check_others(failed, len(frames))
            raise UserError(f"snippet {number}: {failed}") from None

    def _check_others(self, failed: Failed, n_frames: int) -> None:
        """Raise `FatalError` unless the server describes plain grey frames where it failed.

        Else no video is to blame, and asking on for all others would only fail them too.
        """
        grey = np.full((GREY_SIDE, GREY_SIDE, 3), 128, np.uint8)
        frames = [simplejpeg.encode_jpeg(grey)] * n_frames
        try:
            self.retries(partial(self.captioner.answer, frames))
        except Failed as other:
            raise FatalError(
                f"{failed}; plain grey frames fare no better: {other}; {KEPT}"
            ) from None


def _pressing_s(runtime: Runtime) -> float:
    """Seconds in which the tries for a lone video may begin; the last may stall (`Server`)."""
    return MOST_OF_THE_TIME * runtime.timeout_s - 2 * runtime.captions.request_timeout_s


def _submit(
    pool: ThreadPoolExecutor, call: _Call, video: Snippets, numbers: Sequence[int]
) -> Future[list[str]]:
    (number,) = numbers
    return pool.submit(call.caption, video, number)


def _one_each(video: Snippets) -> list[list[int]]:
    return [[number] for number in range(len(video))]


def _data_url(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
