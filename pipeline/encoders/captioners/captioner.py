"""Which captioner is chosen, what decides its captions, and captions as pieces of a table."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import pieces, tables
from pipeline.config import Caption, FileCaption, Runtime
from pipeline.encoders.captioners import endpoint, file, internvideo, native, rules
from pipeline.encoders.captioners.snippets import Captioner, CaptionSource, Snippets, read

NO_TEXT = {"Cc", "Cs", "Cn", "Co"}  # control, half of a pair, unassigned, private


def one(_: Runtime) -> int:
    """Videos at a time of a captioner that gains nothing by more."""
    return 1


@dataclass(frozen=True)
class Backend:
    """A kind of captioner.

    `version` is raised when captions change for the same settings and frames. `identity` is all
    that decides captions, for a piece's key. `on_gpu`: it computes on a GPU where there is one.
    `workers`: processes, where their number is not the machine's. `together`: how many videos it
    is given at a time.
    """

    version: int
    identity: Callable[[Any], dict[str, Any]]
    build: Callable[[Any, Runtime], Captioner]
    on_gpu: bool = False
    workers: int | None = None
    together: Callable[[Runtime], int] = one


BACKENDS: dict[str, Backend] = {
    "rules": Backend(rules.VERSION, rules.identity, rules.RulesCaptioner),
    "file": Backend(file.VERSION, file.identity, file.FileCaptioner),
    "endpoint": Backend(
        endpoint.VERSION,
        endpoint.identity,
        endpoint.EndpointCaptioner,
        workers=1,  # one process holds all requests
        together=endpoint.together,
    ),
    "transformers": Backend(
        native.VERSION,
        native.identity,
        native.NativeCaptioner,
        on_gpu=True,
        together=native.together,
    ),
    "internvideo": Backend(
        internvideo.VERSION,
        internvideo.identity,
        internvideo.InternVideoCaptioner,
        on_gpu=True,
        together=native.together,
    ),
}


def recipe(settings: Caption) -> pieces.Recipe:
    """How the pieces of captions are made: backend, model, revision, prompt, frames, decoding."""
    backend = BACKENDS[settings.backend]
    made_with = {"backend": settings.backend} | backend.identity(settings)
    return pieces.Recipe("caption", backend.version, made_with)


def sources(
    settings: Caption,
    raw: Path,
    rows: Iterable[dict[str, Any]],
    frames: Iterable[tuple[str, str, Path]],
    n_snippets: int,
) -> Iterator[tuple[str, str, CaptionSource]]:
    """Each video's id, the key of what its captions come from, and its source.

    `raw` is the dataset's folder, `rows` its manifest; `frames` gives id, key and path of each
    frames piece, each of `n_snippets`. A changed row of a user's table changes the key of its own
    video alone.
    """
    if not isinstance(settings, FileCaption):
        for video_id, key, path in frames:
            yield video_id, key, CaptionSource(video_id, path)
        return
    given = file.read_given(settings, raw, rows)
    file.check_numbers(settings, raw, given, n_snippets)
    for video_id, key, path in frames:
        own = given.get(video_id, [])
        yield video_id, f"{key} {file.digest(own)}", CaptionSource(video_id, path, own)


class SnippetCaptions:
    """From sources to caption pieces (schema `tables.CAPTION_PIECE`)."""

    def __init__(self, settings: Caption, runtime: Runtime) -> None:
        self.captioner = BACKENDS[settings.backend].build(settings, runtime)

    def __call__(
        self, sources: Sequence[CaptionSource]
    ) -> Iterator[tuple[int, pa.Table | Exception]]:
        """Positions of sources, each with its video's captions or why it has none.

        In order of completion. Memory does not depend on how many there are.
        """
        unreadable: list[tuple[int, Exception]] = []
        positions: list[int] = []  # of the videos that the captioner is given

        def videos() -> Iterator[Snippets]:
            for position, source in enumerate(sources):
                try:
                    video = read(source)
                except Exception as error:  # one video's, whatever it is
                    unreadable.append((position, error))
                else:
                    positions.append(position)
                    yield video

        for number, found in self.captioner(videos()):
            yield positions[number], found if isinstance(found, Exception) else _piece(found)
        yield from unreadable


def _piece(captions: Sequence[str]) -> pa.Table:
    cleaned = [one_line(caption) for caption in captions]
    numbers = pa.array(range(len(cleaned)), pa.int16())
    return pa.table([numbers, pa.array(cleaned, pa.string())], schema=tables.CAPTION_PIECE)


def one_line(caption: str) -> str:
    """A caption as one line of text in Unicode's form NFC, without characters that are no text.

    Models answer with line breaks, and now and then with control characters or half a character.
    """
    text = "".join(" " if _is_no_text(character) else character for character in caption)
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _is_no_text(character: str) -> bool:
    return character == "\N{REPLACEMENT CHARACTER}" or unicodedata.category(character) in NO_TEXT
