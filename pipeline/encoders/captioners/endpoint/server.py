"""Requests to the server: what comes back, whether to try again, and after how long."""

import json
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from pipeline.config.captions import CaptionRuntime
from pipeline.encoders.captioners.endpoint import address
from pipeline.encoders.captioners.endpoint.answers import message_of
from pipeline.engine import FatalError

CONNECT_S = 10.0
LARGEST_ANSWER = 4 << 20  # bytes; captions are short
BUSY = {408, 409, 425, 429, 503, 504, 529}  # whatever the request was; other 5xx may be its fault
NO_LIST = {404, 405, 501}  # of a server that has no list of models
REFUSED = "{} refuses the key ({}): {}. The key is read from {}"


class Failed(Exception):
    """A request without a usable answer, in words.

    `again`: the same request may be answered later, after `wait_s` where the server says so.
    `suspect`: the request itself may be to blame, not the server.
    """

    def __init__(
        self, problem: str, *, again: bool = False, suspect: bool = False, wait_s: float = 0.0
    ) -> None:
        super().__init__(problem)
        self.again, self.suspect, self.wait_s = again, suspect, wait_s


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: httpx2.Headers = field(repr=False)
    text: str = field(repr=False)

    def wait_s(self) -> float:
        """Seconds that the server asks to wait (Retry-After, a number or a date); 0 for none."""
        given = self.headers.get("Retry-After", "").strip()
        if re.fullmatch(r"\d{1,9}(\.\d+)?", given):
            return float(given)
        try:
            date = parsedate_to_datetime(given)
        except (ValueError, OverflowError):
            return 0.0
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return max(0.0, (date - datetime.now(UTC)).total_seconds())


class Server:
    """A server that speaks OpenAI's protocol; several threads may talk to it.

    Raises `UserError` where its address or the key cannot be used. Redirects are not followed: they
    would take the key to another host.
    """

    def __init__(self, settings: CaptionRuntime) -> None:
        self.url = address.base_url(settings.url)
        self.key = address.ApiKey(settings.api_key_variable)
        self.timeout_s = settings.request_timeout_s
        self.client = httpx2.Client(
            headers=self.key.headers(),
            timeout=httpx2.Timeout(self.timeout_s, connect=min(CONNECT_S, self.timeout_s)),
            limits=httpx2.Limits(max_connections=settings.requests),
            trust_env=not address.is_loopback(self.url),  # proxies
        )

    def __str__(self) -> str:
        return f"the server {self.url}"

    def models(self) -> Any:
        """Its list of models as it came; None where it has no such list."""
        reply = self._exchange("GET", "/models")
        return None if reply.status in NO_LIST else self._parsed(reply)

    def complete(self, body: dict[str, Any]) -> Any:
        """The answer to a chat completion.

        Raises `Failed`, or `FatalError` where no further request would fare better.
        """
        return self._parsed(self._exchange("POST", "/chat/completions", body))

    def _exchange(self, method: str, path: str, body: dict[str, Any] | None = None) -> Reply:
        """One request; `timeout_s` is for all of it, but looked at when a part comes in.

        An answer that trickles is given up then, one that stalls at the latest after twice as long.
        """
        until = time.monotonic() + self.timeout_s
        received = bytearray()
        # `from None`: what raised may hold the request, and with it the key
        try:
            with self.client.stream(method, self.url + path, json=body) as response:
                for part in response.iter_bytes():
                    received += part
                    if time.monotonic() > until:
                        raise self._too_slow()
                    if len(received) > LARGEST_ANSWER:
                        problem = f"{self} sends an answer without end"
                        raise Failed(problem, again=True, suspect=True)
        except httpx2.TimeoutException:
            raise self._too_slow() from None
        except (httpx2.ConnectError, httpx2.ProxyError) as error:
            reason = self.line(str(error))
            raise Failed(f"{self} cannot be reached ({reason})", again=True) from None
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            reason = self.line(str(error))
            problem = f"{self} broke off its answer ({type(error).__name__}: {reason})"
            raise Failed(problem, again=True, suspect=True) from None
        return Reply(response.status_code, response.headers, received.decode(errors="replace"))

    def _too_slow(self) -> Failed:
        limit = f"{self.timeout_s:g} s (runtime.captions.request_timeout_s)"
        return Failed(f"{self} gave no answer within {limit}", again=True)

    def _parsed(self, reply: Reply) -> Any:
        if not 200 <= reply.status < 300:
            raise self._error(reply)
        try:
            return json.loads(reply.text)
        except (ValueError, RecursionError):
            problem = f"{self} answers with what is no JSON: {self.line(reply.text)}"
            raise Failed(problem, again=True, suspect=True) from None

    def _error(self, reply: Reply) -> Exception:
        status, said = reply.status, self.line(reply.text)
        if status in (401, 403):
            return FatalError(REFUSED.format(self, status, said, self.key.told()))
        if status == 404:
            return FatalError(
                f"{self} has no such model or path (404): {said}. "
                f"Look at caption.model and {address.SETTING}"
            )
        if 300 <= status < 400:
            place = self.line(reply.headers.get("Location", "nowhere"))
            return FatalError(
                f"{self} sends requests on to {place}; they are not followed with a key: "
                f"set {address.SETTING} to where the server really is"
            )
        if status in BUSY or status >= 500:
            problem = f"{self} answers {status}: {said}"
            return Failed(problem, again=True, suspect=status not in BUSY, wait_s=reply.wait_s())
        return Failed(f"{self} refuses the request ({status}): {said}", suspect=True)

    def line(self, text: str) -> str:
        """The server's own words of an error, without the key."""
        return message_of(self.key.hidden(text))

    def name(self, text: str) -> str:
        """A model's name as the server gives it, without the key."""
        return message_of(self.key.hidden_if_secret(text))
