"""A server in trouble: what is tried again, what costs a video, what ends the run."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.encoders.captioners.snippets import Snippets
from pipeline.engine import FatalError
from tests.encoders.captioners.serving import (
    Running,
    captioner,
    captions,
    digests,
    expected,
    serving,
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


def test_an_answer_without_end_is_not_read_to_its_end(server: Running) -> None:
    asking = captioner(server, requests=1, retries=0)
    server.trouble(body=" " * (5 << 20))
    with pytest.raises(FatalError, match="sends an answer without end"):
        captions(asking, A)


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


def test_a_redirect_is_not_followed(server: Running) -> None:
    with serving("--plain") as elsewhere:
        asking = captioner(server)
        place = f"{elsewhere.url}/chat/completions"
        server.trouble(status=307, headers={"Location": place})
        with pytest.raises(FatalError, match=f"sends requests on to {place}; .*captions.url"):
            captions(asking, A)
        assert elsewhere.seen()["asked"] == []
