"""CLIP's text tower over the captions of many videos."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import torch

from pipeline.config import Clip
from pipeline.devices import pick_device
from pipeline.encoders import clip
from pipeline.encoders.batching import Failure, Run, encode_each
from pipeline.encoders.tower import CPU_BATCH, Tower


class TextEncoder:
    """From videos' captions to one L2-normalised feature a snippet.

    Batches are shared or not as those of `images.ImageEncoder`, with the same consequences.
    """

    def __init__(
        self, settings: Clip, *, device: str, batch_size: int, shared: bool | None = None
    ) -> None:
        self.device = pick_device(device)
        self.shared = self.device.type != "cpu" if shared is None else shared
        self.model = clip.build(settings, self.device)
        self.tokenizer = clip.tokenizer(settings)
        self.tower = Tower(
            _joined,
            self.model.encode_text,
            device=self.device,
            batch_size=batch_size if self.shared else CPU_BATCH,
        )

    def __call__(
        self, captions: Sequence[Sequence[str]]
    ) -> Iterator[tuple[int, pa.Table | Exception]]:
        """Positions of videos with their features (T, D), or why there are none.

        Captions beyond the context length are cut, keeping the end token.
        """
        parts = (self._tokens(video, own) for video, own in enumerate(captions))
        for video, found in encode_each(
            parts, self.tower.start, lambda: self.tower.batch_size, shared=self.shared
        ):
            yield video, found if isinstance(found, Exception) else clip.feature_table(found)

    def _tokens(self, video: int, captions: Sequence[str]) -> Run | Failure:
        try:
            tokens = self.tokenizer(list(captions))  # (T, context length)
            return Run(video, 0, len(tokens), tokens)
        except Exception as error:  # one video's, whatever it is
            return Failure(video, error)


def _joined(tokens: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat(tokens)  # (n, context length)
