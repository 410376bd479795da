"""The time of a server in trouble: when a request is tried again, and when no more."""

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest

from pipeline.encoders.captioners.endpoint import EndpointCaptioner
from pipeline.encoders.captioners.endpoint.retrying import Retries
from pipeline.encoders.captioners.endpoint.server import Failed, Reply
from pipeline.encoders.captioners.snippets import Snippets
from pipeline.engine import FatalError
from pipeline.errors import UserError
from tests.encoders.captioners.serving import (
    Running,
    captioner,
    captions,
    digests,
    expected,
    runtime,
    settings,
    video,
)

A, B = video(1), video(2)
BOTH = {"v1": expected(A), "v2": expected(B)}


@pytest.mark.parametrize("how", [{"slow_s": 3.0}, {"trickle": True}])
def test_an_answer_that_takes_too_long_is_given_up(server: Running, how: dict[str, Any]) -> None:
    asking = captioner(server, request_timeout_s=0.7, retries=2)
    server.trouble(times=1, **how)
    assert captions(asking, A) == ({"v1": BOTH["v1"]}, {})
    server.trouble(**how)
    with pytest.raises(FatalError, match=r"no answer within 0.7 s .*request_timeout_s.*run again"):
        captions(asking, A)


def test_a_server_that_answers_nothing_ends_the_run_after_the_tries_of_a_request(
    server: Running,
) -> None:
    short = runtime(server.url, request_timeout_s=0.5, retries=3)
    asking = EndpointCaptioner(
        settings(), short.model_copy(update={"timeout_s": 1.5}), first_wait_s=0.02
    )
    server.trouble(slow_s=30.0)
    began = time.monotonic()
    with pytest.raises(FatalError, match=r"no answer within 0.5 s"):
        captions(asking, *(video(number) for number in range(16)))
    assert 4 * 0.5 <= time.monotonic() - began < 4 * 0.5 + 1.5  # not once for each video
    assert server.times_asked()[digests(video(0))[0]] == 4


def test_a_server_s_word_on_when_to_come_back_is_kept(server: Running) -> None:
    server.trouble(times=1, status=429, headers={"Retry-After": "0.7"})
    began = time.monotonic()
    assert captions(captioner(server), A) == ({"v1": BOTH["v1"]}, {})
    assert time.monotonic() - began >= 0.7


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        ("inf", 0.0),
        ("1 Jan 99999999999 00:00:00", 0.0),
        ("1 Jan 2024 00:00:00 -0000", 0.0),
    ],
)
def test_seconds_to_wait(given: str, seconds: float) -> None:
    assert Reply(429, httpx2.Headers({"Retry-After": given}), "").wait_s() == seconds


@pytest.mark.parametrize(("ahead_s", "most"), [(30, 30), (-30, 0)])
def test_a_date_to_wait_for(ahead_s: float, most: float) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead_s), usegmt=True)
    waiting = Reply(429, httpx2.Headers({"Retry-After": date}), "").wait_s()
    assert max(0, most - 2) <= waiting <= most


def fail() -> None:
    raise Failed("busy", again=True)


class Clock(threading.Event):
    """Nobody sleeps; the waits are noted."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        return False


def test_waits_get_longer_and_are_never_the_same_for_two() -> None:
    both = []
    for _ in range(2):
        retries = Retries(8, first_wait_s=2.0)
        retries.over = clock = Clock()
        with pytest.raises(Failed, match="busy"):
            retries(fail)
        both.append(clock.waits)
    longest = [2, 4, 8, 16, 32, 60, 60, 60]
    for waits in both:
        assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))
    assert not set(both[0]) & set(both[1])


@pytest.mark.parametrize("videos", [[A], [A, B]])
def test_only_a_video_that_is_alone_is_pressed_for_time(
    server: Running, videos: list[Snippets]
) -> None:
    short = runtime(server.url, request_timeout_s=1.0).model_copy(update={"timeout_s": 3.0})
    asking = EndpointCaptioner(settings(), short, first_wait_s=0.02)
    server.trouble(times=1, status=500, headers={"Retry-After": "1.2"}, slow_s=0.3)
    if len(videos) == 1:  # once is not enough to blame it
        with pytest.raises(FatalError, match=r"500: .*run again"):
            captions(asking, *videos)
    else:
        assert captions(asking, *videos) == (BOTH, {})


def test_a_video_alone_is_given_up_before_its_time_is_over(server: Running) -> None:
    short = runtime(server.url, request_timeout_s=1.0, retries=6)
    asking = EndpointCaptioner(
        settings(), short.model_copy(update={"timeout_s": 4.0}), first_wait_s=0.2
    )
    server.trouble(status=503)
    began = time.monotonic()
    with pytest.raises(FatalError, match="503"):
        captions(asking, A)
    assert 0.5 < time.monotonic() - began < 4.0


def test_a_last_try_that_stalls_ends_before_a_video_s_time_is_over(server: Running) -> None:
    """Stalls in mid-answer, so that the try takes nearly twice as long as it may."""
    limit, request = 3.5, 1.0
    short = runtime(server.url, request_timeout_s=request, retries=9)
    asking = EndpointCaptioner(
        settings(), short.model_copy(update={"timeout_s": limit}), first_wait_s=0.02
    )
    server.trouble(stalls_after_s=0.9)
    began = time.monotonic()
    with pytest.raises(FatalError, match="no answer within 1 s"):
        captions(asking, A)
    assert 1.8 < time.monotonic() - began < limit


@pytest.mark.parametrize("request_s", [27.5, 40.0])
def test_two_requests_may_not_take_all_of_a_video_s_time(server: Running, request_s: float) -> None:
    told = rf"request_timeout_s, {request_s:g} s\) leave nothing of 90% of .*\(60 s\)"
    with pytest.raises(UserError, match=told):
        EndpointCaptioner(settings(), runtime(server.url, request_timeout_s=request_s))
    EndpointCaptioner(settings(), runtime(server.url, request_timeout_s=26.5))
