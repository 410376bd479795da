"""What libav says of a file: in its errors, and in its log, where some damage shows alone."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import av.logging

# A container that states an enormous size; the stream's own counts, and is checked.
NO_DAMAGE = "Picture size"

av.logging.set_level(None)  # nothing goes to the terminal
av.logging.set_skip_repeated(False)  # what the file before said counts for this one too


def reason(error: Exception) -> str:
    """What libav says of the error, in one line."""
    text = getattr(error, "strerror", None) or str(error)
    log = getattr(error, "log", None)  # (level, who, what) of libav's last message
    return f"{_line(text)}: {_line(log[2])}" if log else _line(text)


class Complaints:
    """What libav has complained of so far: errors in its log."""

    def __init__(self, log: list[tuple[int, str, str]]) -> None:
        self._log = log

    def first(self) -> str | None:
        """The first, in one line; None where there is none."""
        for level, _, message in self._log:
            if level <= av.logging.ERROR and not message.startswith(NO_DAMAGE):
                return _line(message)
        return None


@contextmanager
def heard() -> Iterator[Complaints]:
    """What libav complains of inside the block, as it comes."""
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as log:
            yield Complaints(log)
    finally:
        av.logging.set_level(None)


def _line(text: str) -> str:
    """The first line, without paths of this machine."""
    lines = text.strip().splitlines() or ["?"]
    return re.sub(r"\[?/\S*\s*", "", lines[0]).strip()
