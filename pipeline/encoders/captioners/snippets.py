"""What captioners are given, and the protocol that all of them follow."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline import tables
from pipeline.engine import FatalError, SpoiledError
from pipeline.errors import UserError


@dataclass(frozen=True, slots=True)
class Given:
    """A caption that was there already, of the frames [start, end) or of one `snippet`.

    Of a snippet, start and end are NaN until its frames are known. `row` says where the user's
    table has it.
    """

    start: float
    end: float
    caption: str
    snippet: int | None = None
    row: int = 0


@dataclass(frozen=True)
class CaptionSource:
    """What a video's captions are made of: its frames piece and, of `file`, its own captions."""

    video_id: str
    frames: Path
    given: Sequence[Given] = ()


@dataclass(frozen=True)
class Snippets:
    """One video's T snippets: frames [start, end) and K sampled JPEG frames each, in time order."""

    video_id: str
    start: Sequence[int]
    end: Sequence[int]
    images: Sequence[Sequence[bytes]]
    given: Sequence[Given] = ()

    def __len__(self) -> int:
        return len(self.images)


class Captioner(Protocol):
    """Describes the snippets of many videos."""

    def __call__(self, videos: Iterable[Snippets]) -> Iterator[tuple[int, list[str] | Exception]]:
        """Positions of videos with a caption for each snippet, or why they have none.

        In order of completion; `videos` may be read ahead, never far. Raises `engine.FatalError`
        for what is no single video's fault.
        """
        ...


def read(source: CaptionSource) -> Snippets:
    """The snippets of a frames piece (schema `tables.FRAMES`); raises `UserError` without any."""
    table = tables.read(source.frames, tables.FRAMES)
    if not table.num_rows:
        raise UserError(f"{source.frames} holds no frame; remove it and `dvc repro`")
    start, end, images = (table.column(name).to_pylist() for name in ("start", "end", "image"))
    return Snippets(source.video_id, start, end, images, source.given)


def evenly(images: Sequence[bytes], count: int) -> list[bytes]:
    """`count` of a snippet's frames, evenly spaced: the centres of as many equal parts."""
    return [images[(2 * i + 1) * len(images) // (2 * count)] for i in range(count)]


def one_by_one(
    caption: Callable[[Snippets], list[str]], videos: Iterable[Snippets]
) -> Iterator[tuple[int, list[str] | Exception]]:
    """A function of one video as a captioner: a video that fails is its own affair."""
    for position, video in enumerate(videos):
        try:
            yield position, caption(video)
        except (FatalError, SpoiledError):
            raise
        except Exception as error:
            yield position, error
