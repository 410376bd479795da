"""A server in trouble: what is tried again, what costs a video, what ends the run."""

import threading
import time
from collections.abc import Iterator
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
    serving,
    settings,
    video,
)

A, B = video(1), video(2)
BOTH = {"v1": expected(A), "v2": expected(B)}
GARBAGE: list[dict[str, Any]] = [
    {"body": "{not JSON"},
    {"body": "[" * 100_000},
    {"body": "<html>Bad gateway</html>"},
    {"body": '{"choices": []}'},
    {"choice": {"message": {"content": None}}},
    {"choice": {}},
    {"breaks": True},
]


@pytest.fixture
def server() -> Iterator[Running]:
    with serving("--plain") as running:
        yield running


@pytest.mark.parametrize(
    "trouble", [*GARBAGE, {"status": 500}, {"status": 429}, {"status": 408}, {"status": 503}]
)
def test_trouble_that_passes_costs_nothing(
    server: Running, trouble: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    server.trouble(times=2, **trouble)
    assert captions(captioner(server, retries=2), A, B) == (BOTH, {})
    assert server.times_asked().total() == 6 + 2
    (told,) = capsys.readouterr().err.splitlines()  # of the first trouble only
    assert told.endswith("; trying again")


@pytest.mark.parametrize("trouble", [*GARBAGE, {"status": 500}, {"status": 400}, {"status": 413}])
def test_a_request_that_alone_fails_costs_its_video(
    server: Running, trouble: dict[str, Any]
) -> None:
    bad = digests(A)[1]
    server.trouble(only=[bad], message="this one is odd", **trouble)
    found, failed = captions(captioner(server), A, B)
    assert found == {"v2": BOTH["v2"]}
    assert list(failed) == ["v1"]
    assert failed["v1"].startswith(f"snippet 1: the server {server.url}")
    if "status" in trouble:
        assert f"{trouble['status']}" in failed["v1"]
        assert "this one is odd" in failed["v1"]
    tries = 1 if trouble.get("status") in (400, 413) else 2
    assert server.times_asked()[bad] == tries


@pytest.mark.parametrize(
    "trouble", [*GARBAGE, *({"status": status} for status in (400, 422, 429, 500, 503))]
)
def test_a_server_that_fails_at_everything_ends_the_run(
    server: Running, trouble: dict[str, Any]
) -> None:
    asking = captioner(server)
    server.trouble(message="at most 1 image", **trouble)
    status = trouble.get("status")
    told = "" if status is None else rf"{status}\)?: at most 1 image; .*"
    with pytest.raises(FatalError, match=rf"{told}captions made so far are kept; run again"):
        captions(asking, A, B)


@pytest.mark.parametrize(
    "trouble", [*({"status": n} for n in (408, 429, 503, 504)), {"slow_s": 3.0}]
)
def test_a_busy_server_is_no_video_s_fault(server: Running, trouble: dict[str, Any]) -> None:
    asking = captioner(server, request_timeout_s=0.4)
    server.trouble(only=[digests(A)[1]], **trouble)
    with pytest.raises(FatalError, match=r"answers [45]\d\d|no answer within"):
        captions(asking, A, B)


def test_of_a_video_that_has_failed_nothing_more_is_asked(server: Running) -> None:
    first, *others = digests(A)
    server.trouble(only=[first], status=400)
    found, failed = captions(captioner(server, requests=1), A, B)
    assert (found, list(failed)) == ({"v2": BOTH["v2"]}, ["v1"])
    assert not set(others) & set(server.times_asked())


@pytest.mark.parametrize(
    ("status", "told"),
    [(401, "KEY_OF_THE_TEST_SERVER, not set"), (403, "refuses the key"), (404, "caption.model")],
)
def test_what_no_second_try_mends_ends_the_run_at_once(
    server: Running, status: int, told: str
) -> None:
    asking = captioner(server, requests=1)
    server.trouble(status=status)
    with pytest.raises(FatalError, match=told):
        captions(asking, A)
    assert server.times_asked().total() == 1


def test_a_server_that_dies_leaves_what_is_whole(server: Running) -> None:
    asking = captioner(server, requests=1)
    server.trouble(dies_after=4)
    found = []
    with pytest.raises(FatalError, match=r"cannot be reached .*; captions made so far are kept"):
        found.extend(asking(iter([A, B])))
    assert found == [(0, BOTH["v1"])]
    assert server.program.wait() == 1


@pytest.mark.parametrize("how", [{"slow_s": 3.0}, {"trickle": True}])
def test_an_answer_that_takes_too_long_is_given_up(server: Running, how: dict[str, Any]) -> None:
    asking = captioner(server, request_timeout_s=0.7, retries=2)
    server.trouble(times=1, **how)
    assert captions(asking, A) == ({"v1": BOTH["v1"]}, {})
    server.trouble(**how)
    with pytest.raises(FatalError, match=r"no answer within 0.7 s .*request_timeout_s.*run again"):
        captions(asking, A)


def test_an_answer_without_end_is_not_read_to_its_end(server: Running) -> None:
    asking = captioner(server, requests=1, retries=0)
    server.trouble(body=" " * (5 << 20))
    with pytest.raises(FatalError, match="sends an answer without end"):
        captions(asking, A)


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


def test_the_first_fatal_error_wakes_every_thread_that_waits(server: Running) -> None:
    asking = captioner(server, retries=9)
    server.trouble(status=429, headers={"Retry-After": "30"}, only=[digests(A)[0]])

    def videos() -> Iterator[Snippets]:
        yield A
        while not server.times_asked()[digests(A)[0]]:
            time.sleep(0.01)
        server.trouble(status=401)
        yield B

    began = time.monotonic()
    with pytest.raises(FatalError, match="401"):
        list(asking(videos()))
    assert time.monotonic() - began < 10
    assert server.times_asked()[digests(A)[0]] == 1


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
    short = runtime(server.url, request_timeout_s=1.0).model_copy(update={"timeout_s": 2.0})
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


def test_one_request_may_not_take_most_of_a_video_s_time(server: Running) -> None:
    impatient = runtime(server.url, request_timeout_s=40.0)
    with pytest.raises(UserError, match=r"request_timeout_s \(40\) is more than half of .*\(60\)"):
        EndpointCaptioner(settings(), impatient)


def test_a_redirect_is_not_followed(server: Running) -> None:
    with serving("--plain") as elsewhere:
        asking = captioner(server)
        place = f"{elsewhere.url}/chat/completions"
        server.trouble(status=307, headers={"Location": place})
        with pytest.raises(FatalError, match=f"sends requests on to {place}; .*captions.url"):
            captions(asking, A)
        assert elsewhere.seen()["asked"] == []
