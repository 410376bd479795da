"""Damage to whole files: cut, zeroed, overwritten, flipped. Same input, same damage."""

import random
from collections.abc import Callable
from pathlib import Path

from tests.video.hostile.case import Maker
from tests.video.hostile.patches import coded_frames

Damage = Callable[[Path], None]
HEADS = 12  # bytes of a coded frame's length, type and first fields, which a light damage spares


def damaged(make: Maker, damage: Damage) -> Maker:
    """A maker that breaks what another one made."""

    def made(path: Path) -> None:
        make(path)
        damage(path)

    return made


def cut_in(number: int) -> Damage:
    """Keep the file up to the middle of that coded frame (counted in the file's order)."""

    def cut(path: Path) -> None:
        position, size, _, _ = coded_frames(path)[number]
        path.write_bytes(path.read_bytes()[: position + size // 2])

    return cut


def behead(number: int) -> Damage:
    """Lose all before the middle of that coded frame."""

    def cut(path: Path) -> None:
        position, size, _, _ = coded_frames(path)[number]
        path.write_bytes(path.read_bytes()[position + size // 2 :])

    return cut


def overwrite(numbers: range, byte: int, *, spare: int = 0) -> Damage:
    """Overwrite these coded frames (counted in the file's order) but for their first bytes."""

    def broken(path: Path) -> None:
        whole = bytearray(path.read_bytes())
        for number in numbers:
            position, size, _, _ = coded_frames(path)[number]
            whole[position + spare : position + size] = bytes([byte]) * (size - spare)
        path.write_bytes(whole)

    return broken


def flip(numbers: range, bits: int) -> Damage:
    """Flip so many bits, drawn with a fixed seed, in each of these coded frames."""

    def broken(path: Path) -> None:
        whole = bytearray(path.read_bytes())
        rng = random.Random(4)
        for number in numbers:
            position, size, _, _ = coded_frames(path)[number]
            for _ in range(bits):
                place = position + rng.randrange(HEADS, size)
                whole[place] ^= 1 << rng.randrange(8)
        path.write_bytes(whole)

    return broken
