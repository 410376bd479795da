"""CLIP's image tower over the sampled frames of many videos."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from pipeline.config import Clip
from pipeline.devices import pick_device
from pipeline.encoders import clip
from pipeline.encoders.batching import encode_each
from pipeline.encoders.compiling import compiled
from pipeline.encoders.frames import RUN, Frames, decoded
from pipeline.encoders.precision import DTYPES
from pipeline.encoders.tower import CPU_BATCH, Tower

# A thread decodes about 1,000 JPEGs of 320x240 a second; a GPU may want a few thousand.
MOST_DECODERS = 8


class ImageEncoder:
    """From frames pieces (schema `tables.FRAMES`) to one feature a snippet.

    Each frame's embedding is L2-normalised, then averaged over the snippet's frames; a frame
    that several snippets share is encoded once.

    On a GPU the frames of many videos share batches of `batch_size`, and features depend on
    them within `tower.BATCH_TOLERANCE` (fp32). On a CPU (`shared` false) a batch holds one video's
    frames, `CPU_BATCH` at most: features are the same to the last bit whatever the
    batch size, order and number of workers. `compiling` changes the last bits on either.
    """

    def __init__(
        self,
        settings: Clip,
        *,
        device: str,
        batch_size: int,
        compiling: bool = False,
        shared: bool | None = None,
    ) -> None:
        self.device = pick_device(device)
        self.shared = self.device.type != "cpu" if shared is None else shared
        self.decoders = _decoders(self.device)
        self.model = clip.build(settings, self.device)
        self.preprocess = clip.preprocess(settings)
        self.dtype = DTYPES[settings.precision]
        size = batch_size if self.shared else CPU_BATCH
        encode: Callable[[torch.Tensor], torch.Tensor] = self.model.encode_image
        if compiling:
            side = self.preprocess.size
            blank = torch.zeros((size, 3, side, side), dtype=self.dtype, device=self.device)
            encode, compiling = compiled(encode, blank)
        self.tower = Tower(
            partial(self.preprocess, dtype=self.dtype),
            encode,
            device=self.device,
            batch_size=size,
            fixed_shape=compiling,
        )

    def __call__(self, paths: Sequence[Path]) -> Iterator[tuple[int, pa.Table | Exception]]:
        """Positions of frames pieces, each with its video's features (T, D) or why it has none.

        In order of completion. Memory does not depend on how many there are.
        """
        rows_of: dict[int, npt.NDArray[np.int64]] = {}  # of videos under way

        def note(frames: Frames) -> None:
            rows_of[frames.video] = frames.rows

        ahead = self.decoders + 2 * -(-self.tower.batch_size // RUN)  # the next two batches
        pool = ThreadPoolExecutor(self.decoders, "jpeg")
        try:
            parts = decoded(paths, pool, ahead=ahead, pinned=self.device.type == "cuda", note=note)
            for video, found in encode_each(
                parts, self.tower.start, lambda: self.tower.batch_size, shared=self.shared
            ):
                rows = rows_of.pop(video, None)
                if isinstance(found, Exception):
                    yield video, found
                else:
                    yield video, clip.feature_table(found[rows].mean(axis=1))
        finally:
            pool.shutdown(cancel_futures=True)


def _decoders(device: torch.device) -> int:
    """Threads for JPEGs: one on a CPU, where the encoder leaves no core idle."""
    if device.type == "cpu":
        return 1
    return min(MOST_DECODERS, len(os.sched_getaffinity(0)))
