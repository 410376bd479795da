"""Which model answers: the one asked for, or no captions."""

from typing import Any

import pytest

from pipeline.encoders.captioners.endpoint import EndpointCaptioner
from pipeline.encoders.captioners.endpoint.answers import ServedModel
from pipeline.engine import FatalError
from pipeline.errors import UserError
from tests.encoders.captioners.serving import (
    Running,
    captioner,
    captions,
    expected,
    runtime,
    serving,
    settings,
    video,
)

A = video(1)


def test_a_model_that_the_server_does_not_list_is_refused_before_any_work(server: Running) -> None:
    with pytest.raises(UserError, match=r"does not serve caption.model 'huge'; it lists: tiny"):
        EndpointCaptioner(settings(model="huge"), runtime(server.url))
    assert server.seen()["asked"] == []


def test_a_long_list_is_cut() -> None:
    with pytest.raises(FatalError, match=r"it lists: m0, m1, .* and 2 more\."):
        ServedModel("m", [f"m{n}" for n in range(12)], "the server")


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_without_a_list_is_taken_at_its_word(server: Running, status: int) -> None:
    server.trouble(models_status=status)
    asking = captioner(server)
    server.trouble(model="other")
    with pytest.raises(FatalError, match=r"answers with the model 'other', not .* 'tiny'"):
        captions(asking, A)
    server.trouble()
    assert captions(captioner(server), A) == ({"v1": expected(A)}, {})


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ({"models_status": 401}, "refuses the key"),
        (
            {"models_status": 500, "message": "still loading"},
            r"500: still loading\. Start the server, or mend runtime.captions.url",
        ),
        (
            {"models": {"hello": "world"}},
            r"no list of models: .*world.*Look at runtime.captions.url",
        ),
        ({"models": ["tiny"]}, "no list of models"),
    ],
)
def test_a_server_of_no_use_is_refused_before_any_work(
    server: Running, trouble: dict[str, Any], told: str
) -> None:
    server.trouble(**trouble)
    with pytest.raises(FatalError, match=told):
        captioner(server)


def test_nobody_there() -> None:
    with serving("--plain") as gone:
        pass
    with pytest.raises(FatalError, match=rf"the server {gone.url} cannot be reached \(.*refused"):
        captioner(gone)


def test_captions_by_another_model_are_not_taken(server: Running) -> None:
    asking = captioner(server)
    server.trouble(model="tiny-2")
    with pytest.raises(FatalError, match=r"answers with the model 'tiny-2'.*must not mix"):
        captions(asking, A)


@pytest.mark.parametrize(
    ("asked", "listed", "answers"),
    [
        ("m", ["m"], ["m", "m"]),
        ("m", [], ["m", None, ""]),
        ("m", ["m", "m-2024-08-06"], ["m-2024-08-06", "m-2024-08-06"]),
        ("m", ["m", "m-20240806"], ["m-20240806"]),
        ("m", ["m"], ["m@main", "m"]),  # transformers serve
        ("m@main", ["m"], ["m@main"]),
    ],
)
def test_names_that_are_the_model_s(asked: str, listed: list[str], answers: list[Any]) -> None:
    model = ServedModel(asked, listed, "the server")
    for name in answers:
        model.check({"model": name})


@pytest.mark.parametrize(
    ("listed", "answers"),
    [
        (["m"], ["m-2024-08-06"]),  # the name with a date, but not listed
        ([], ["m-2024-08-06"]),
        (["m", "n"], ["n"]),
        (["m", "n-2024-08-06"], ["n-2024-08-06"]),
        (["m", "m-2024-08-06-mini"], ["m-2024-08-06-mini"]),
        (["m", "m-lora"], ["m-lora"]),  # extends the name, but may be anything
        (["m", "m-2"], ["m-2"]),
        (["m", "m-2024-08-06"], ["m", "m-2024-08-06"]),  # both are the model's, but two models
        (["m", "m-20240806", "m-20250806"], ["m-20240806", "m-20250806"]),
        (["m"], ["m@main", "m@other"]),
    ],
)
def test_names_that_are_another_model_s(listed: list[str], answers: list[str]) -> None:
    model = ServedModel("m", listed, "the server")
    for name in answers[:-1]:
        model.check({"model": name})
    with pytest.raises(FatalError, match=f"'{answers[-1]}'.*must not mix"):
        model.check({"model": answers[-1]})
