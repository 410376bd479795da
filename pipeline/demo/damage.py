"""Breaking a video on purpose, the way real collections contain broken ones."""

from pathlib import Path

from pipeline.atomic import atomic_path
from pipeline.demo.encode import sample_offsets
from pipeline.demo.plan import Broken

KEPT_SHARE = 0.6
MIDDLE = (0.4, 0.6)


def break_video(path: Path, how: Broken) -> None:
    """Break the mp4 at ``path`` in place: ``truncated`` or ``damaged``."""
    content = bytearray(path.read_bytes())
    if how == "truncated":
        _cut_tail(content, sample_offsets(path))
    else:
        _damage_middle(content, sample_offsets(path))
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _cut_tail(content: bytearray, samples: list[tuple[int, int]]) -> None:
    """Drop what follows the frame at ``KEPT_SHARE`` of the bytes, and that frame's last byte.

    Cut between two frames, the file would pass for a shorter sound video; cut
    inside one, PyAV reads up to there and decord reports a partial file.
    """
    wanted = KEPT_SHARE * len(content)
    position, size = next(sample for sample in sorted(samples) if sum(sample) > wanted)
    del content[position + size - 1 :]


def _damage_middle(content: bytearray, samples: list[tuple[int, int]]) -> None:
    """Overwrite the frames of the middle, first of all their lengths.

    Each coded frame starts with a 4-byte length.  An impossible length makes
    the decoder return an error where mere noise would be concealed.
    """
    first, last = (int(share * len(samples)) for share in MIDDLE)
    for position, size in samples[first:last]:
        content[position : position + size] = b"\xff" * size
