"""Batches of snippets under way: several at a time, each video told as soon as it is whole."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import simplejpeg

from pipeline.encoders.captioners.snippets import Snippets
from pipeline.engine import FatalError, SpoiledError
from pipeline.errors import UserError

Cut = Callable[[Snippets], Sequence[Sequence[int]]]
Submit = Callable[[Snippets, Sequence[int]], Future[list[str]]]


def alike(video: Snippets, size: int) -> list[list[int]]:
    """Numbers of a video's snippets in batches of up to `size` with frames of one size.

    Frame size and count decide how long a prompt gets: prompts of a batch need no padding. Batches
    never mix videos, so that a caption does not depend on its neighbours in the dataset.
    """
    buckets: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for number, jpegs in enumerate(video.images):
        buckets.setdefault(tuple(_size(jpeg, video) for jpeg in jpegs), []).append(number)
    return [
        numbers[first : first + size]
        for numbers in buckets.values()
        for first in range(0, len(numbers), size)
    ]


def _size(jpeg: bytes, video: Snippets) -> tuple[int, int]:
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(jpeg)
    except ValueError as error:
        raise UserError(
            f"{video.video_id}: a sampled frame is no JPEG ({error}); "
            "`dvc repro -f decode` mends it"
        ) from error
    return height, width


@dataclass
class _Gathering:
    """Captions of videos that are not whole yet."""

    missing: dict[int, int] = field(default_factory=dict)  # snippets by video
    captions: dict[int, list[str]] = field(default_factory=dict)

    def begin(self, position: int, n_snippets: int) -> None:
        self.missing[position] = n_snippets
        self.captions[position] = [""] * n_snippets

    def fail(self, position: int, error: Exception) -> Iterator[tuple[int, Exception]]:
        """The first error of a video ends it."""
        if self.missing.pop(position, None) is not None:
            del self.captions[position]
            yield position, error

    def add(
        self, position: int, numbers: Sequence[int], found: Sequence[str]
    ) -> Iterator[tuple[int, list[str] | Exception]]:
        if position not in self.missing:
            return
        if len(found) != len(numbers):
            problem = f"{len(found)} captions came back for {len(numbers)} snippets"
            yield from self.fail(position, ValueError(problem))
            return
        for number, caption in zip(numbers, found, strict=True):
            self.captions[position][number] = caption
        self.missing[position] -= len(numbers)
        if not self.missing[position]:
            del self.missing[position]
            yield position, self.captions.pop(position)


def captions(
    videos: Iterable[Snippets], cut: Cut, submit: Submit, *, ahead: int
) -> Iterator[tuple[int, list[str] | Exception]]:
    """Each video's position with its captions or its error (see `snippets.Captioner`).

    `cut` parts a video's snippets into batches, `submit` begins one without waiting for it. At most
    `ahead` + 1 are under way, across videos; memory holds their frames and no more. What a
    batch raises fails its video; `FatalError` and `SpoiledError` end the call.
    """
    gathering = _Gathering()
    begun: deque[tuple[int, Sequence[int], Future[list[str]]]] = deque()
    try:
        for position, video in enumerate(videos):
            gathering.begin(position, len(video))
            try:
                batches = cut(video)
            except Exception as error:
                yield from gathering.fail(position, error)
                continue
            for numbers in batches:
                begun.append((position, numbers, submit(video, numbers)))
                while len(begun) > ahead:
                    yield from _take(begun, gathering)
        while begun:
            yield from _take(begun, gathering)
    finally:
        for _, _, future in begun:
            future.cancel()


def _take(
    begun: deque[tuple[int, Sequence[int], Future[list[str]]]], gathering: _Gathering
) -> Iterator[tuple[int, list[str] | Exception]]:
    position, numbers, future = begun.popleft()
    if position not in gathering.missing:  # its video has failed; nobody waits for the rest
        future.cancel()
        return
    try:
        found = future.result()
    except (FatalError, SpoiledError):
        raise
    except Exception as error:
        yield from gathering.fail(position, error)
    else:
        yield from gathering.add(position, numbers, found)
