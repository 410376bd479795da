"""Stating another picture size in the parameter sets of an H.264 stream (Annex B)."""

from pathlib import Path

START = b"\x00\x00\x01"
PARAMETER_SET = 7
HIGH_PROFILES = (100, 110, 122, 244)
MACROBLOCK = 16


class Bits:
    """Reads and collects bits as the standard's `u(n)` and `ue(v)` (H.264, 9.1)."""

    def __init__(self, content: bytes) -> None:
        self.bits = "".join(f"{byte:08b}" for byte in content)
        self.place = 0

    def fixed(self, count: int) -> int:
        """An unsigned number of `count` bits."""
        self.place += count
        return int(self.bits[self.place - count : self.place], 2)

    def golomb(self) -> int:
        """An Exp-Golomb coded number."""
        zeros = self.bits.index("1", self.place) - self.place
        self.place += zeros
        return self.fixed(zeros + 1) - 1


def golomb(value: int) -> str:
    """A number as the bits of its Exp-Golomb code."""
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits


def declare_size(path: Path, width: int, height: int) -> None:
    """Rewrite every sequence parameter set of a raw H.264 file; sizes are multiples of 16."""
    units = path.read_bytes().split(START)
    changed = [
        _resized(unit, width, height) if unit and unit[0] & 31 == PARAMETER_SET else unit
        for unit in units
    ]
    path.write_bytes(START.join(changed))


def _resized(unit: bytes, width: int, height: int) -> bytes:
    plain = unit.rstrip(b"\x00").replace(b"\x00\x00\x03", b"\x00\x00")
    bits = Bits(plain)
    bits.fixed(8)
    profile = bits.fixed(8)
    bits.fixed(16)  # constraints and level
    bits.golomb()
    if profile in HIGH_PROFILES:
        for _ in range(3):  # chroma format and the two bit depths
            bits.golomb()
        bits.fixed(1)
        if bits.fixed(1):
            raise ValueError("a parameter set with scaling lists is not rewritten")
    bits.golomb()
    if bits.golomb() == 0:  # kind of picture order count
        bits.golomb()
    bits.golomb()
    bits.fixed(1)
    start = bits.place
    bits.golomb()
    bits.golomb()
    size = golomb(width // MACROBLOCK - 1) + golomb(height // MACROBLOCK - 1)
    whole = (bits.bits[:start] + size + bits.bits[bits.place :]).rstrip("0")
    whole += "0" * (-len(whole) % 8)
    changed = int(whole, 2).to_bytes(len(whole) // 8, "big")
    for low in range(4):  # emulation prevention: no start code may appear inside
        mark = bytes([0, 0, low])
        changed = changed.replace(mark, bytes([0, 0, 3, low])) if low != 3 else changed
    return changed
