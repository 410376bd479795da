"""The server's address."""

import pytest

from pipeline.encoders.captioners.endpoint import address
from pipeline.errors import UserError


@pytest.mark.parametrize(
    ("given", "url", "told"),
    [
        ("http://host:8000/v1", "http://host:8000/v1", False),
        ("http://host:8000/v1/", "http://host:8000/v1", False),
        ("http://host:8000", "http://host:8000/v1", True),
        ("http://host:8000/", "http://host:8000/v1", True),
        ("https://host/api/openai", "https://host/api/openai", False),
        ("http://host/v1/chat/completions", "http://host/v1", True),
        ("http://[::1]:8000", "http://[::1]:8000/v1", True),
    ],
)
def test_addresses(given: str, url: str, told: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert address.base_url(given) == url
    assert capsys.readouterr().err.endswith(f"is taken as {url}\n") == told


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (None, "runtime.captions.url is null"),
        ("", "is no address"),
        ("localhost:8000", "is no address"),
        ("ftp://host", "is no address"),
        ("http://", "is no address"),
        ("http://host:port/v1", "is no address"),
        ("http://[::1/v1", "is no address"),
        ("http://host/v1?api_key=secret", "'http://host/v1'; .*api_key_variable names"),
        ("http://host/v1#secret", "'http://host/v1'; .*api_key_variable names"),
        ("host:8000/v1?api_key=secret", "'host:8000/v1' is no address"),
        ("http://user:secret@host/v1", "user name or password"),
        ("http://secret@host/v1", "user name or password"),
        ("user:secret@host/v1", "user name or password"),
    ],
)
def test_what_is_no_address(given: str | None, problem: str) -> None:
    with pytest.raises(UserError, match=problem) as raised:
        address.base_url(given)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://localhost:8000/v1", True),
        ("http://127.0.0.1/v1", True),
        ("http://[::1]:80/v1", True),
        ("http://localhost.org/v1", False),
        ("http://10.0.0.1/v1", False),
    ],
)
def test_no_proxy_stands_before_this_machine(url: str, own: bool) -> None:
    assert address.is_loopback(url) == own
