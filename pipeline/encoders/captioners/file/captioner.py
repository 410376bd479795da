"""`file`: captions that are there already, each snippet with the one that tells of it.

`records` reads the user's table, `videos` finds whose captions they are; both run
once, in the stage's process. What is here runs in the workers.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.config import FileCaption, Runtime
from pipeline.encoders.captioners.file.records import place
from pipeline.encoders.captioners.snippets import Given, Snippets, one_by_one
from pipeline.errors import UserError

VERSION = 1  # raise when the same rows come to other captions
INSTANT = np.finfo(np.float64).tiny  # overlap of a caption without length: less than any other


def identity(settings: FileCaption) -> dict[str, Any]:
    """What decides the captions beside the rows, whose digest is in each video's own key.

    Where the table lies and what its columns are called decides nothing.
    """
    return settings.model_dump(include={"made_by", "unit", "gaps"})


class FileCaptioner:
    """Captions from the rows of a table; see `align`."""

    def __init__(self, settings: FileCaption, runtime: Runtime) -> None:
        self.settings = settings

    def __call__(self, videos: Iterable[Snippets]) -> Iterator[tuple[int, list[str] | Exception]]:
        """See `snippets.Captioner`. A video without a row has no captions, and the reason says so.

        So has one with a row of a snippet that it does not have, or whose captions mostly
        begin after its end.
        """
        return one_by_one(self._captions, videos)

    def _captions(self, video: Snippets) -> list[str]:
        path = self.settings.path
        if not video.given:
            raise UserError(f"no caption of this video in {path}; add rows of it")
        for row in video.given:
            if row.snippet is not None and row.snippet >= len(video):
                raise UserError(
                    f"{place(path, row.row)}, column '{self.settings.columns.snippet}': found "
                    f"{row.snippet}, expected 0 to {len(video) - 1}; number snippets from 0, "
                    "as many as decode.snippets says"
                )
        self._check_times(video)
        return align(video, nearest=self.settings.gaps == "nearest")

    def _check_times(self, video: Snippets) -> None:
        n_frames = video.end[-1]
        beyond = [row for row in video.given if row.start >= n_frames]
        if 2 * len(beyond) > len(video.given):
            raise UserError(
                f"{place(self.settings.path, beyond[0].row)}: {len(beyond)} of "
                f"{len(video.given)} captions begin after the video's {n_frames} frames; is "
                f"caption.unit, '{self.settings.unit}', that of the table?"
            )


def align(video: Snippets, *, nearest: bool) -> list[str]:
    """The caption of each of T snippets: its own by number, else the one that overlaps it most.

    Of captions that overlap a snippet equally, the one that starts earlier is taken, then the one
    that stands first in the table. A caption of no length is an instant: it counts in the snippet
    that holds it, and less than any caption that has a length there. A snippet without frames
    (its video has fewer frames than snippets) shows the frame at its start. Where no caption is:
    an empty one, or the `nearest` in time by the same order.
    """
    shown = np.array([(s, max(s + 1, e)) for s, e in zip(video.start, video.end, strict=True)])
    spans = np.array([_span(given, shown) for given in video.given], dtype=np.float64)
    order = np.argsort(spans[:, 0], kind="stable")
    first, last = spans[order].T  # (C,)
    start, end = shown[:, :1], shown[:, 1:]  # (T, 1)
    distance = np.maximum(first, start) - np.minimum(last, end)  # (T, C); overlap is below 0
    distance[(first == last) & (start <= first) & (first < end)] = -INSTANT
    # A caption of another snippet tells of this one only where it is the nearest.
    numbered = np.array([video.given[i].snippet is not None for i in order])
    distance[:, numbered] = np.maximum(distance[:, numbered], 0)
    best = distance.argmin(axis=1)
    found = [
        video.given[order[caption]].caption if nearest or distance[snippet, caption] < 0 else ""
        for snippet, caption in enumerate(best)
    ]
    for given in video.given:
        if given.snippet is not None:
            found[given.snippet] = given.caption
    return found


def _span(given: Given, shown: npt.NDArray[np.int64]) -> tuple[float, float]:
    if given.snippet is None:
        return given.start, given.end
    start, end = shown[given.snippet].tolist()
    return start, end
