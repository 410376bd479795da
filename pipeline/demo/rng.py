"""Independent random streams, one for each purpose of each video."""

import hashlib

import numpy as np


def stream(seed: int, *names: str) -> np.random.Generator:
    """Generator that depends on ``seed`` and ``names`` only.

    Separate streams keep a scene's background and noise the same whether or
    not its events are drawn, and whatever worker draws it.
    """
    digest = hashlib.sha256("/".join(names).encode()).digest()
    words = np.frombuffer(digest, dtype="<u4")
    return np.random.default_rng([seed, *(int(word) for word in words)])
