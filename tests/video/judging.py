"""Whether what came of reading a file of unknown damage may come.

Where a decoder does not notice damage, it draws what it can from the frames it happens to
hold, and these differ between decoding from the start and from a keyframe. So a wrong picture
is one thing, another picture than the sequential decode's another: the first is excused where the
sequential decode's own picture is damaged (and counted, as `unnoticed`), the second never.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import numpy as np

from tests.video import reference
from tests.video.hostile.barcode import number_of
from tests.video.reading import Picture, Reading, Task, read

Kind = Literal["read", "unnoticed", "refused", "salvaged"]
Pictures = Mapping[int, Picture]


@dataclass(frozen=True)
class Verdict:
    """`kind`: what strict reading came to, and whether salvage then had something to use.

    `wrong`: what may not be, in a line; empty when all is as it should.
    """

    kind: Kind
    wrong: str = ""


def judge(path: Path, sound: Set[bytes]) -> Verdict:
    """Read a file strictly and salvaging, and hold it against the sequential decode.

    `sound`: the pictures of the file before it was damaged, as bytes.
    """
    reading = read(Task(path, "auto", salvage=False))
    if not reading.reason:
        return _judge_read(reading, path, sound)
    wrong = _wrong_before_refusal(reading, path, sound)
    salvaged = read(Task(path, "auto", salvage=True))
    kind: Kind = "refused" if salvaged.reason else "salvaged"
    return Verdict(kind, wrong or _wrong_salvage(salvaged, path))


def _judge_read(reading: Reading, path: Path, sound: Set[bytes]) -> Verdict:
    try:
        right = dict(enumerate(shown.picture for shown in reference.sequential(path)))
        count = len(right)
    except (av.FFmpegError, ValueError):
        # Damage may lie in frames that an edit list hides: all that are shown must decode.
        try:
            count, right = reference.placed(path)
        except (av.FFmpegError, ValueError) as error:
            return Verdict("read", f"read, and no sequential decode reads it ({error})")
    if not reading.survey.n_frames == count == len(right):
        n_frames = reading.survey.n_frames
        return Verdict("read", f"read {n_frames} frames, {len(right)} of {count} decode in order")
    other = [
        (way, number)
        for way, frames in reading.frames.items()
        for number, frame in frames.items()
        if not same(frame, right[number])
    ]
    noticed = [pair for pair in other if right[pair[1]].tobytes() in sound]
    if noticed:
        return Verdict("read", f"{noticed[0]} is not the sequential decode's; {len(noticed)} so")
    return Verdict("unnoticed" if other else "read")


def _wrong_before_refusal(reading: Reading, path: Path, sound: Set[bytes]) -> str:
    """Sound frames that came of a refused file must be those of their numbers.

    By the place that a sequential decode gives them, strict or tolerant, or by what they show.
    """
    places: list[Pictures] = []
    for tolerant in (False, True):
        try:
            shown = reference.sequential(path, tolerant=tolerant)
            places.append(dict(enumerate(frame.picture for frame in shown)))
            places.append(reference.placed(path)[1])
        except (av.FFmpegError, ValueError):
            continue
    for way, frames in reading.frames.items():
        for number, frame in frames.items():
            known = any(number in place and same(frame, place[number]) for place in places)
            if not known and number_of(frame) != number and frame.tobytes() in sound:
                return f"before refusal, frame {number} (index {way}) is another sound frame"
    return ""


def _wrong_salvage(salvaged: Reading, path: Path) -> str:
    """Every salvaged frame is one that ffmpeg decodes; those that have times, the nearest."""
    if salvaged.reason:
        return ""
    try:
        _, right = reference.placed(path)
    except ValueError:
        pictures = [shown.picture for shown in reference.sequential(path, tolerant=True)]
        right = dict(enumerate(pictures))
    every = salvaged.frames["every"]
    if len(every) != max(right) + 1:
        return f"salvaged {len(every)} frames, expected {max(right) + 1}"
    for number, frame in every.items():
        nearest = min(right, key=lambda place: (abs(place - number), place))
        if not same(frame, right[nearest]):
            return f"salvaged frame {number} is not frame {nearest} of the tolerant decode"
    return ""


def same(frame: Picture, picture: Picture) -> bool:
    """Bit for bit."""
    return frame.shape == picture.shape and bool(np.array_equal(frame, picture))
