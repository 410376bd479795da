"""The key of the server, which nobody may read."""

import html
import json
import time
import traceback
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pipeline import engine, pieces, tables
from pipeline.encoders.captioners.captioner import SnippetCaptions, recipe
from pipeline.encoders.captioners.endpoint import EndpointCaptioner, address
from pipeline.encoders.captioners.snippets import CaptionSource
from pipeline.errors import UserError
from tests.encoders.captioners.server import digest
from tests.encoders.captioners.serving import (
    KEY_VARIABLE,
    Running,
    captioner,
    captions,
    expected,
    runtime,
    serving,
    settings,
    video,
)
from tests.encoders.pictures import jpeg, noise, write_frames

KEY = 'sk-9"f/3<&Q7w-Zt8x'  # looks different in JSON, HTML and addresses
FORMS = ("sk-9", "f/3<", "f%2F3", "Q7w", "Zt8x")  # not in part either


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    with serving("--plain") as running:
        yield running


def test_the_key_goes_with_requests_and_nowhere_else(server: Running) -> None:
    a = video(1)
    assert captions(captioner(server), a) == ({"v1": expected(a)}, {})
    assert {asked["authorization"] for asked in server.seen()["asked"]} == {f"Bearer {KEY}"}
    asking = captioner(server)
    assert KEY not in f"{asking.server.key!r} {asking.server.client.headers!r}"


@pytest.mark.parametrize("key", ["two\nlines", "schlüssel", "a\x00b"])
def test_an_impossible_key_is_refused_unseen(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "\x00" in key:
        monkeypatch.setattr(address.os, "environ", {KEY_VARIABLE: key})
    else:
        monkeypatch.setenv(KEY_VARIABLE, key)
    with pytest.raises(UserError, match=f"variable {KEY_VARIABLE}") as raised:
        address.ApiKey(KEY_VARIABLE)
    assert key not in str(raised.value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("EMPTY", "an EMPTY street"),
        ("anything", "without doing anything."),
        ("two-people-walking", "two-people-walking"),  # as long as a key, but words
        ("camera-7", "seen by camera-7"),
        ("SK-0123456789ABCD", "sk-0123456789abcd"),
        ("SK-0123456789ABCD", "SK-0123456789ABC"),
    ],
)
def test_a_placeholder_for_a_key_leaves_captions_alone(
    value: str, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, value)
    key = address.ApiKey(KEY_VARIABLE)
    assert key.hidden_if_secret(kept) == kept
    assert key.hidden(f"key {value} is wrong") == "key [key] is wrong"


@pytest.mark.parametrize(
    ("value", "listed"),
    [("tiny", "tiny, tiny-community"), ("sk-0123456789/ABC", "[key]-community, tiny")],
)
def test_a_model_named_like_the_key_is_still_that_model(
    value: str, listed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, value)
    a = video(1, 1)
    with serving("--plain") as server:
        server.trouble(models={"data": [{"id": "tiny"}, {"id": f"{value}-community"}]})
        assert captions(captioner(server), a) == ({"v1": expected(a)}, {})
        with pytest.raises(engine.FatalError) as raised:
            EndpointCaptioner(settings(model="huge"), runtime(server.url))
    assert f"it lists: {listed}." in str(raised.value)


@pytest.mark.parametrize("form", ["%2F", "%2f", r"\u002F", r"\\u002f", r"\/", "&#47;"])
def test_a_notation_may_be_written_in_either_case(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "sk-0123456789/ABC")
    caption = f"A sign: sk-0123456789{form}ABC."
    assert address.ApiKey(KEY_VARIABLE).hidden_if_secret(caption) == "A sign: [key]."


def test_a_long_row_of_backslashes_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    key, row = address.ApiKey(KEY_VARIABLE), "\\" * 40_000
    began = time.monotonic()
    assert key.hidden(row) == key.hidden_if_secret(row) == row
    assert time.monotonic() - began < 5


def _compute(server: Running, folder: Path) -> pieces.Computed:
    """Two videos as the stage makes them: in a worker process, into a store, skipping one."""
    recipe_ = recipe(settings())
    store = pieces.Store(folder / "store", "caption", tables.CAPTION_PIECE)
    jobs = []
    for name, first in (("good", 0), ("bad", 10)):
        path = write_frames(folder / f"{name}.parquet", [[first, first + 1], [first + 2]])
        jobs.append(pieces.Job(name, recipe_.key(name), CaptionSource(name, path)))
    make = partial(SnippetCaptions, settings(), runtime(server.url, retries=0))
    return pieces.compute(jobs, make, store, runtime(server.url), workers=1, together=16)


def _seen_by_anyone(folder: Path, capfd: pytest.CaptureFixture[str], *texts: Any) -> str:
    """All that was printed, written or raised, as one text."""
    printed = capfd.readouterr()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    written = [path.read_bytes().decode("latin-1") for path in files]
    rows = [str(tables.read(path).to_pydict()) for path in files if path.suffix == ".parquet"]
    return "\n".join([printed.out, printed.err, *written, *rows, *map(str, texts)])


def _check(everything: str) -> None:
    assert [form for form in FORMS if form in everything] == []


def test_a_server_that_repeats_the_key_does_not_spread_it(
    server: Running, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = digest(jpeg(noise(10)))
    server.trouble(status=400, echo=True, only=[bad])
    computed = _compute(server, tmp_path)
    assert "Bearer [key]" in computed.failed["bad"]
    assert len(computed.done) == 1
    _check(_seen_by_anyone(tmp_path, capfd, computed.failed))


def test_nor_where_it_ends_the_run(
    server: Running, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server.trouble(status=429, echo=True)
    with pytest.raises(engine.FatalError, match=r"Bearer \[key\]") as raised:
        _compute(server, tmp_path)
    _check(_seen_by_anyone(tmp_path, capfd, *traceback.format_exception(raised.value)))


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 401, "echo": True},
        {"status": 500, "message": KEY},
        {"status": 422, "message": json.dumps({"a": json.dumps(KEY)})},
        {"status": 422, "message": "".join(f"\\u{ord(c):04x}" for c in KEY)},
        {"status": 500, "message": "x" * 295 + KEY},  # the message is cut
        {"body": f"<html>{KEY}</html>"},
        {"body": f"<html>{html.escape(KEY)}</html>"},
        {"status": 307, "headers": {"Location": f"http://x/?k={quote(KEY, safe='')}"}},
        {"model": KEY},
        {"model": "x" * 295 + KEY},
        {"choice": {"message": {"content": {"key": KEY}}}},
        {"choice": {"message": {"content": {"key": "x" * 272 + KEY}}}},
        {"choice": {"message": {"content": {"key": "\\".join(KEY)}}}},
    ],
)
def test_nor_in_any_notation(
    server: Running, capsys: pytest.CaptureFixture[str], trouble: dict[str, Any]
) -> None:
    asking = captioner(server)
    server.trouble(**trouble)
    with pytest.raises(engine.FatalError) as raised:
        captions(asking, video(1, 1))
    printed = capsys.readouterr()
    _check("".join([printed.err, printed.out, *traceback.format_exception(raised.value)]))
    assert "[key" in str(raised.value)


@pytest.mark.parametrize(
    "models", [{"data": [{"id": KEY}]}, {"key": KEY}, {"data": [{"id": "x" * 295 + KEY}]}]
)
def test_nor_in_a_list_of_models(server: Running, models: Any) -> None:
    server.trouble(models=models)
    with pytest.raises(engine.FatalError, match=r"\[key") as raised:
        captioner(server)
    _check("".join(traceback.format_exception(raised.value)))


def test_nor_in_a_caption(server: Running) -> None:
    answer = {"message": {"content": f"A car with {KEY}."}}
    server.trouble(choice=answer)
    assert captions(captioner(server), video(1, 1)) == ({"v1": ["A car with [key]."]}, {})
