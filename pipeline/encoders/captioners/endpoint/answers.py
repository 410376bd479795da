"""What a server's answers say: a caption, the model that made it, or why there is none."""

import json
import re
import threading
from collections.abc import Callable, Collection
from typing import Any

from pipeline.engine import FatalError

LONGEST_MESSAGE = 300  # characters of a server's own words
SHOWN_MODELS = 10
PENALISING = {"vllm", "sglang", "lmdeploy"}  # owners, as they name themselves in a list of models
DATE = re.compile(r"-\d{4}-?\d{2}-?\d{2}")
THOUGHTS = re.compile(r"\A.*</think>|<think>.*\Z", re.DOTALL)

Shown = Callable[[str], str]  # how a server's own words get into a message


def message_of(text: str) -> str:
    """The first line of what a server says about an error, in any of the forms in use.

    At most `LONGEST_MESSAGE` characters, all printable.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text
    for name in ("error", "message", "detail"):  # one within the other, or one of them alone
        if isinstance(found, dict) and found.get(name):
            found = found[name]
    words = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    line = next(iter(words.strip().splitlines()), "nothing")
    return "".join(c if c.isprintable() else " " for c in line)[:LONGEST_MESSAGE]


def caption_of(answer: Any, shown: Shown = message_of) -> str:
    """The caption of a chat completion; raises `ValueError` where it has not the protocol's form.

    The reasoning of models that think aloud is cut away. A caption is empty where the model says
    nothing, refuses, is silenced by a filter, or ran out of tokens while it was still thinking:
    the quality summary counts those. What stands before a cut or a filter is kept.
    """
    try:
        choice = answer["choices"][0]
        message = choice["message"]
        content, reason = message.get("content"), choice.get("finish_reason")
    except (TypeError, LookupError, AttributeError):
        raise ValueError(f"no caption in its answer: {shown(json.dumps(answer))}") from None
    if message.get("refusal"):
        return ""
    if content is None and reason in ("content_filter", "length"):
        return ""
    return THOUGHTS.sub("", _text(content, shown)).strip()


def _text(content: Any, shown: Shown) -> str:
    """The text of a message's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        found = [text for text in texts if isinstance(text, str)]
        if found:
            return "".join(found)
    raise ValueError(f"content of its answer is no text: {shown(json.dumps(content))}")


def models_of(answer: Any, shown: Shown = message_of) -> list[str]:
    """The names in a list of models; raises `ValueError` where it is none."""
    try:
        return [str(model.get("id")) for model in answer["data"]]
    except (TypeError, LookupError, AttributeError):
        raise ValueError(f"no list of models: {shown(json.dumps(answer))}") from None


def takes_penalty(models: Any) -> bool:
    """Whether a list of models is of a server that knows `repetition_penalty`.

    Unless told one, such servers take it from the model's own generation settings.
    """
    return any(model.get("owned_by") in PENALISING for model in models["data"])


class ServedModel:
    """The model that must make every caption: captions of two models must not mix.

    `listed`: what the server says it serves; empty where it does not tell. An answer may come
    from the model asked for, or from a listed one whose name is that one's with a date (a server
    that calls `m` by its dated name `m-2024-08-06`), but then always from the same in one process:
    what answered an earlier run is not known. `@main` is what `transformers serve` puts behind a
    name. `shown`: how names get into a message.
    """

    def __init__(
        self, asked: str, listed: Collection[str], server: str, shown: Shown = message_of
    ) -> None:
        self.asked, self.server, self.shown = asked, server, shown
        self.listed = {_plain(name) for name in listed}
        self._answering: str | None = None
        self._lock = threading.Lock()
        if listed and _plain(asked) not in self.listed:
            names = sorted(listed)
            more = len(names) - SHOWN_MODELS
            told = ", ".join(map(shown, names[:SHOWN_MODELS]))
            told += f" and {more} more" if more > 0 else ""
            raise FatalError(
                f"{server} does not serve caption.model '{asked}'; it lists: {told}. "
                "Name one of these, or start the server with that model"
            )

    def check(self, answer: Any) -> None:
        """Raise `FatalError` when an answer says that another model made it."""
        name = answer.get("model") if isinstance(answer, dict) else None
        if not isinstance(name, str) or not name:
            return
        found, asked = _plain(name), _plain(self.asked)
        dated = found.startswith(asked) and DATE.fullmatch(found.removeprefix(asked))
        known = found == asked or (dated and found in self.listed)
        with self._lock:
            first = self._answering = self._answering or found
        if not known or found != first:
            other = (
                f"after answers by '{self.shown(first)}'"
                if known
                else f"not caption.model '{self.asked}'"
            )
            raise FatalError(
                f"{self.server} answers with the model '{self.shown(name)}', {other}; captions of "
                "two models must not mix: mend the server, or name its model in caption.model"
            )


def _plain(name: str) -> str:
    return name.removesuffix("@main")
