"""Random damage, drawn from a seed: the same seed, the same damage."""

import random

LONGEST = 3000  # bytes of the longest run that is zeroed, lost or put in


def mutate(content: bytes, seed: int) -> bytes:
    """One to three pieces of damage of random kinds at random places."""
    rng = random.Random(seed)
    for _ in range(rng.randint(1, 3)):
        content = rng.choice((_flip, _flip, _zero, _lose, _insert, _cut))(content, rng)
    return content


def _run(content: bytes, rng: random.Random) -> tuple[int, int]:
    """A run of bytes: short ones are as likely as long ones."""
    start = rng.randrange(max(len(content), 1))
    return start, start + int(LONGEST ** rng.random())


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(int(40 ** rng.random())):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _zero(content: bytes, rng: random.Random) -> bytes:
    start, end = _run(content, rng)
    return content[:start] + bytes(len(content[start:end])) + content[end:]


def _lose(content: bytes, rng: random.Random) -> bytes:
    start, end = _run(content, rng)
    return content[:start] + content[end:]


def _insert(content: bytes, rng: random.Random) -> bytes:
    start, end = _run(content, rng)
    return content[:start] + rng.randbytes(end - start) + content[start:]


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]
