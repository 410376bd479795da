"""What one hostile file is, and what must come of reading it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.video.hostile.encode import Clip, write

Maker = Callable[[Path], object]
READ = ""  # the reason for refusing a file that must be read


@dataclass(frozen=True)
class Salvaged:
    """What salvage makes of a file that strict reading refuses.

    `n_frames` numbers of which `n_lost` frames could not be had; `shows` tells what some of the
    frames must show: frame number -> number in the picture.
    """

    n_frames: int
    n_lost: int
    shows: Mapping[int, int]


@dataclass(frozen=True)
class Case:
    """A file to make and the stated outcome of reading it.

    `shows`: the numbers that the frames of a file that is read must show, from the first to the
    last (None where a picture is damaged and no decoder says so). `refused`: for a file that must
    not be read, what the reason must match; `salvaged`: what there is to salvage of it, None when
    that is refused as well.
    """

    name: str
    make: Maker
    why: str
    shows: Sequence[int | None] = ()
    refused: str = READ
    salvaged: Salvaged | None = None


def written(clip: Clip, *others: Clip, **how: object) -> Maker:
    """A maker that encodes (see `encode.write`)."""
    return lambda path: write(path, clip, *others, **how)  # type: ignore[arg-type]


def patched(make: Maker, patch: Callable[..., object], *how: object) -> Maker:
    """A maker that changes fields of the file that another one made."""

    def made(path: Path) -> None:
        make(path)
        patch(path, *how)

    return made


def content(part: bytes) -> Maker:
    """A maker of a file with these bytes."""
    return lambda path: path.write_bytes(part)
