"""Where the server is, and the key that it may want, which nothing but a request ever holds."""

import html
import ipaddress
import os
import re
import sys
from urllib.parse import SplitResult, urlsplit

from pipeline.errors import UserError

SETTING = "runtime.captions.url"
EXAMPLE = "http://localhost:8000/v1"
SECRET = re.compile(r"(?=.*\d).{16,}")  # others ("EMPTY", "lm-studio") may be words of a caption
KEY_BELONGS = (
    "write the address alone, and put the key into the environment variable that "
    "runtime.captions.api_key_variable names"
)


def base_url(given: str | None) -> str:
    """The address below which the protocol's paths lie, without a slash at its end.

    A bare host gets `/v1`, and a path that goes too far is cut; both are told on stderr. Raises
    `UserError` for what is no such address, or holds a password or a query, which it does not show.
    """
    if given is None:
        raise UserError(f"{SETTING} is null; the backend `endpoint` needs it, such as {EXAMPLE}")
    parts = _split(given)
    path = parts.path.rstrip("/").removesuffix("/chat/completions").removesuffix("/models")
    url = f"{parts.scheme}://{parts.netloc}{path or '/v1'}"
    if url != given.rstrip("/"):
        print(f"{SETTING}: {given} is taken as {url}", file=sys.stderr)
    return url


def _split(given: str) -> SplitResult:
    if "@" in given:  # not shown: it may hold a password
        raise UserError(f"{SETTING} holds a user name or password; {KEY_BELONGS}")
    shown = re.split("[?#]", given)[0]  # what follows may be a key
    try:
        parts = urlsplit(given)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UserError(f"{SETTING}: '{shown}' is no address of a server; {EXAMPLE} would be one")
    if shown != given:
        raise UserError(f"{SETTING} goes on with ? or # after '{shown}'; {KEY_BELONGS}")
    return parts


def is_loopback(url: str) -> bool:
    """Whether the server is on this machine, where no proxy stands in between."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ApiKey:
    """The key that an environment variable holds, if any. It shows in no text made of it."""

    def __init__(self, variable: str) -> None:
        self.variable = variable
        self._value = os.environ.get(variable, "").strip()
        if not (self._value.isascii() and self._value.isprintable()):
            raise UserError(
                f"the environment variable {variable} (runtime.captions.api_key_variable) holds "
                "characters that no key has; set it again"
            )
        self._forms = re.compile("".join(map(_forms, self._value)))
        self._forms_in_any_case = re.compile(self._forms.pattern, re.IGNORECASE)

    def __repr__(self) -> str:
        return f"ApiKey({self.variable!r})"

    def headers(self) -> dict[str, str]:
        """What a request carries."""
        return {"Authorization": f"Bearer {self._value}"} if self._value else {}

    def told(self) -> str:
        """In words: which variable, and whether it is set."""
        return f"the environment variable {self.variable}, {'set' if self._value else 'not set'}"

    def hidden(self, text: str) -> str:
        """What a server says of an error, without the key, in whatever notation it repeats it."""
        return self._forms_in_any_case.sub("[key]", text) if self._value else text

    def hidden_if_secret(self, text: str) -> str:
        """A caption or a model's name without the key.

        A key that no service would give, a placeholder for one, may be a part of these.
        """
        return self._forms.sub("[key]", text) if SECRET.fullmatch(self._value) else text


def _forms(character: str) -> str:
    """A pattern of what stands for a character in JSON (in JSON), HTML and addresses.

    JSON four deep puts 15 backslashes before a quote. Without a limit, a long row of them would
    take time by its square.
    """
    code = ord(character)
    forms = "|".join(map(re.escape, [character, html.escape(character), f"&#{code};"]))
    return rf"\\{{0,15}}(?:{forms}|(?i:%{code:02x}|u{code:04x}))"
