"""What every captioner does, and how one is chosen."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from pipeline import tables
from pipeline.config import Clip, RulesCaption
from pipeline.encoders.captioners import rules
from pipeline.encoders.clip import TokenCounter


class Captioner(Protocol):
    """Describes the snippets of one video."""

    def __call__(self, snippets: Sequence[Sequence[bytes]]) -> list[str]:
        """One caption for each snippet, given its sampled frames as JPEG bytes in time order."""
        ...


# backend -> (its version, how to build it); a version is raised when captions change
BACKENDS: dict[str, tuple[int, Callable[[Any], Captioner]]] = {
    "rules": (rules.VERSION, rules.RulesCaptioner),
}


def version(settings: RulesCaption) -> int:
    """The code version of the chosen backend."""
    return BACKENDS[settings.backend][0]


class SnippetCaptions:
    """From a frames piece (schema `tables.FRAMES`) to a caption piece."""

    def __init__(self, settings: RulesCaption, clip: Clip) -> None:
        self.captioner = BACKENDS[settings.backend][1](settings)
        self.count_tokens = TokenCounter(clip)

    def __call__(self, frames: Path) -> pa.Table:
        """Caption, CLIP token count and whether the text tower will cut it, for each snippet."""
        table = tables.read(frames, tables.FRAMES)
        captions = self.captioner(table.column("image").to_pylist())
        counts = [self.count_tokens(caption) for caption in captions]
        return pa.table(
            [
                table.column("snippet"),
                pa.array(captions),
                pa.array([count for count, _ in counts], pa.int16()),
                pa.array([truncated for _, truncated in counts]),
            ],
            schema=tables.CAPTION_PIECE,
        )
