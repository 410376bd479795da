"""Which pieces a store lacks: every byte of those it has is read and verified."""

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from tqdm import tqdm

from pipeline.pieces.store import ABSENT, Store

THREADS = 8  # more than cores: on a network's disk they wait for it most of the time
AT_ONCE = 256  # pieces asked for at a time, so that memory does not grow with the store
NAMED = 10  # of the damaged ones; a store of an older version has nothing else


def missing_keys(store: Store, keys: Iterable[str]) -> set[str]:
    """Those of `keys` without a whole piece in `store`.

    Damaged pieces are told on stderr; they stay until a new piece takes their place in one
    step, so that no other run can lose what it has just made. Raises `tables.UnreadableError` for a
    piece that the system does not let us read.
    """
    distinct = dict.fromkeys(keys)
    missing: set[str] = set()
    damaged: list[str] = []
    label = f"{store.stage}: verifying"
    with (
        ThreadPoolExecutor(THREADS) as pool,  # reading and hashing release the interpreter lock
        tqdm(total=len(distinct), desc=label, unit="piece", disable=None, delay=2) as bar,
    ):
        left = iter(distinct)
        while part := list(islice(left, AT_ONCE)):
            for key, fault in zip(part, pool.map(store.fault, part), strict=True):
                bar.update()
                if fault is not None:
                    missing.add(key)
                    damaged += [fault] if fault != ABSENT else []
    for fault in damaged[:NAMED]:
        print(f"made again, for it is damaged: {fault}", file=sys.stderr)
    if len(damaged) > NAMED:
        print(f"... and {len(damaged) - NAMED} more pieces of {store.stage}", file=sys.stderr)
    return missing
