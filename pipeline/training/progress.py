"""Where a training run stands, on disk: a killed run goes on from its last saved epoch.

What goes on is what would have been: weights, optimiser, the order of videos still to come, and
the random state behind dropout are all restored, so that the result is the same to the last bit.
"""

import hashlib
import io
import json
import time
from pathlib import Path
from typing import Any, Self

import torch

from pipeline import code_digest, unfinished
from pipeline.atomic import atomic_path, sweep

State = dict[str, Any]
DIGEST = hashlib.sha256().digest_size  # of the state, before it: torch.load checks no bytes


class Progress:
    """The state of one run at `path`; `key` is a digest of all that decides its result.

    It is written after an epoch when `every_s` seconds have passed since the last time: what is
    lost by a kill is at most that long and one epoch, and an epoch of a small head costs no write.
    """

    def __init__(self, path: Path, key: str, *, every_s: float = 10.0) -> None:
        self.path, self.key, self.every_s = path, key, every_s
        self._written = time.monotonic()

    @classmethod
    def of(cls, store: Path, trained: Any, device: torch.device) -> Self:
        """The progress, kept in a work store, of a run on a device.

        Plain values `trained` tell it from others: settings, seed, videos. What another version
        of torch or other source code began, or another kind of device, is not gone on with.
        What processes that are dead have left half written is removed.
        """
        sweep(store / unfinished.FOLDER, below=False)
        parts = [code_digest.of_training(), torch.__version__, device.type, trained]
        key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return cls(unfinished.path_of(store, key), key)

    def load(self) -> State | None:
        """The last state that was saved for this key; None where there is none to be used.

        A damaged file counts as none: training starts over, which costs time and no result.
        """
        try:
            whole = self.path.read_bytes()
        except OSError:
            return None
        digest, state = whole[:DIGEST], whole[DIGEST:]
        if hashlib.sha256(state).digest() != digest:
            return None
        loaded: State = torch.load(io.BytesIO(state), map_location="cpu", weights_only=True)
        return loaded if loaded["key"] == self.key else None

    def save(self, state: State) -> None:
        """Write a state, if it is time for it."""
        if time.monotonic() - self._written < self.every_s:
            return
        buffer = io.BytesIO()
        torch.save({"key": self.key, **state}, buffer)
        whole = buffer.getvalue()
        with atomic_path(self.path) as temporary:
            temporary.write_bytes(hashlib.sha256(whole).digest() + whole)
        self._written = time.monotonic()

    def remove(self) -> None:
        """The run is over and its result is saved."""
        self.path.unlink(missing_ok=True)


def random_state(generator: torch.Generator, device: torch.device) -> State:
    """All that the rest of a run draws from."""
    state = {"batches": generator.get_state(), "cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_random_state(state: State, generator: torch.Generator, device: torch.device) -> None:
    """Put back what `random_state` gave."""
    generator.set_state(state["batches"])
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
