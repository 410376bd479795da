"""Counts, times and amounts of memory as a reader takes them in."""

UNKNOWN = "–"
PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def whole(number: int | None) -> str:
    """Up to a million every digit, beyond it millions: 69,825 and 304.0 M."""
    if number is None:
        return UNKNOWN
    return f"{number:,}" if number < 1e6 else f"{number / 1e6:,.1f} M"


def operations(number: int | None) -> str:
    """Floating-point operations, three digits: 4.46 MFLOP."""
    if number is None:
        return UNKNOWN
    for size, prefix in PREFIXES:
        if number >= size:
            return f"{_three(number / size)} {prefix}FLOP"
    return f"{number} FLOP"


def seconds(number: float | None) -> str:
    """A time, three digits: 1.25 ms, 2.41 s."""
    if number is None:
        return UNKNOWN
    for size, unit in ((1.0, "s"), (1e-3, "ms")):
        if number >= size:
            return f"{_three(number / size)} {unit}"
    return f"{_three(number / 1e-6)} µs"


def rate(number: float | None) -> str:
    """A rate, three digits before all: 24,300 and 0.0521."""
    if number is None:
        return UNKNOWN
    if number >= 100:
        return f"{float(f'{number:.3g}'):,.0f}"
    return _three(number)


def memory(number: int | None) -> str:
    """Bytes in millions: 12.3 MB."""
    return UNKNOWN if number is None else f"{number / 1e6:,.1f} MB"


def _three(number: float) -> str:
    """Three digits, no exponent below a million."""
    if number >= 1000:
        return f"{number:,.0f}"
    return f"{number:#.3g}".rstrip(".")
