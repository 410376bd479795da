"""Text features of the captions of many videos."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import torch

from pipeline import pieces, tables
from pipeline.config import Clip, TextFeatures
from pipeline.devices import pick_device
from pipeline.encoders import clip
from pipeline.encoders.batching import Failure, Run, encode_each
from pipeline.encoders.tower import CPU_BATCH, Tower


def recipe(settings: TextFeatures, tower: Clip) -> pieces.Recipe:
    """How the pieces of text features are made; `tower` is the CLIP of `encoder: clip`."""
    made_with = clip.identity(tower) | {"long_captions": settings.long_captions}
    return pieces.Recipe("text", clip.TEXT_VERSION, made_with)


def width(settings: TextFeatures, tower: Clip) -> int:
    """D of the features, known without computing one."""
    return clip.feature_width(tower)


def truncated_share(path: Path) -> str:
    """In words: how many captions of a table of text features the encoder saw only a part of."""
    column = tables.read(path)["truncated"]
    cut = pc.sum(column).as_py() or 0
    share = cut / max(len(column), 1)
    return f"{cut} of {len(column)} captions ({share:.1%}) are longer than the encoder reads"


class TextEncoder:
    """From videos' captions to one L2-normalised feature a snippet.

    Batches are shared or not as those of `images.ImageEncoder`, with the same consequences.
    """

    def __init__(
        self,
        settings: TextFeatures,
        tower: Clip,
        *,
        device: str,
        batch_size: int,
        shared: bool | None = None,
    ) -> None:
        self.device = pick_device(device)
        self.shared = self.device.type != "cpu" if shared is None else shared
        self.model = clip.build(tower, self.device)
        self.tokenizer = clip.tokenizer(tower)
        self.count_tokens = clip.TokenCounter(tower)
        self.tower = Tower(
            _joined,
            self.model.encode_text,
            device=self.device,
            batch_size=batch_size if self.shared else CPU_BATCH,
        )

    def __call__(
        self, captions: Sequence[Sequence[str]]
    ) -> Iterator[tuple[int, pa.Table | Exception]]:
        """Positions of videos with their text pieces (schema `tables.text_piece(D)`), or why none.

        Captions beyond the context length are cut, keeping the end token.
        """
        parts = (self._tokens(video, own) for video, own in enumerate(captions))
        for video, found in encode_each(
            parts, self.tower.start, lambda: self.tower.batch_size, shared=self.shared
        ):
            if isinstance(found, Exception):
                yield video, found
            else:
                yield video, self._piece(clip.feature_table(found), captions[video])

    def _piece(self, features: pa.Table, captions: Sequence[str]) -> pa.Table:
        counts = [self.count_tokens(caption) for caption in captions]
        columns = [
            features["snippet"],
            pa.array([count for count, _ in counts], pa.int32()),
            pa.array([truncated for _, truncated in counts], pa.bool_()),
            features["feature"],
        ]
        width = features.schema.field("feature").type.list_size
        return pa.table(columns, schema=tables.text_piece(width))

    def _tokens(self, video: int, captions: Sequence[str]) -> Run | Failure:
        try:
            tokens = self.tokenizer(list(captions))  # (T, context length)
            return Run(video, 0, len(tokens), tokens)
        except Exception as error:  # one video's, whatever it is
            return Failure(video, error)


def _joined(tokens: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat(tokens)  # (n, context length)
