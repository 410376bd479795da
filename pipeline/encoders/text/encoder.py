"""Text features of the captions of many videos."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from pipeline import pieces, tables
from pipeline.config import Clip, ClipText, TextFeatures
from pipeline.devices import pick_device
from pipeline.encoders import clip
from pipeline.encoders.batching import Failure, Floats, Run, encode_each
from pipeline.encoders.text import clip_model, sentence_models
from pipeline.encoders.text.model import TextModel, Tokens, filled, one_row
from pipeline.encoders.text.sentences import sentences
from pipeline.encoders.tower import Tower
from pipeline.table_files import readable

# Of a caption, the rest counts as cut off: time stays in bounds when a captioner babbles.
MOST_SENTENCES = 32


def recipe(settings: TextFeatures, tower: Clip) -> pieces.Recipe:
    """How the pieces of text features are made; `tower` is the CLIP of `encoder: clip`."""
    made_with: dict[str, Any] = {"long_captions": settings.long_captions}
    if isinstance(settings, ClipText):
        return pieces.Recipe("text", clip_model.VERSION, made_with | clip.identity(tower))
    own = sentence_models.identity(settings)
    return pieces.Recipe("text", sentence_models.VERSION, made_with | own)


def width(settings: TextFeatures, tower: Clip) -> int:
    """D of the features, known without computing one."""
    if isinstance(settings, ClipText):
        return clip.feature_width(tower)
    return sentence_models.width(settings)


def truncated_share(path: Path) -> str:
    """In words: how many captions of a table of text features the encoder saw only a part of."""
    with readable(path):
        column = pq.read_table(path, columns=["truncated"], partitioning=None)["truncated"]
    cut = pc.sum(column).as_py() or 0
    share = cut / max(len(column), 1)
    return f"{cut} of {len(column)} captions ({share:.1%}) are longer than the encoder reads"


@dataclass(frozen=True)
class _Texts:
    """What the encoder is given for one video: each text once, however many captions hold it.

    `rows` are those of each caption, one or one a sentence.
    """

    tokens: list[Tokens]
    rows: list[list[int]]
    n_tokens: list[int]
    truncated: list[bool]

    def piece(self, embeddings: Floats) -> pa.Table:
        """The video's piece from the embeddings (len(tokens), D) of its texts."""
        features = np.stack([_mean(embeddings[own]) for own in self.rows])
        table = clip.feature_table(features)
        columns = [
            table["snippet"],
            pa.array(self.n_tokens, pa.int32()),
            pa.array(self.truncated, pa.bool_()),
            table["feature"],
        ]
        return pa.table(columns, schema=tables.text_piece(features.shape[1]))


def _mean(embeddings: Floats) -> Floats:
    """The direction of the mean of unit vectors (n, D)."""
    mean: Floats = embeddings.mean(axis=0)
    mean /= max(float(np.linalg.norm(mean)), 1e-12)
    return mean


class TextEncoder:
    """From videos' captions to one L2-normalised feature a snippet.

    A long caption is cut, or is the normalised mean over the embeddings of its sentences.

    On a GPU the captions of many videos share batches of `batch_size`, and features depend on
    them within `tower.BATCH_TOLERANCE` (fp32). On a CPU (`shared` false) each text is encoded
    alone, at its own length: the same text gives the same bits wherever it stands.
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
        self.by_sentence = settings.long_captions == "sentences"
        self.model: TextModel = (
            clip_model.ClipTextModel(tower, self.device)
            if isinstance(settings, ClipText)
            else sentence_models.build(settings, self.device)
        )
        self.tower = Tower(
            filled,
            self.model.encode,
            device=self.device,
            batch_size=batch_size if self.shared else 1,
        )

    def __call__(
        self, captions: Sequence[Sequence[str]]
    ) -> Iterator[tuple[int, pa.Table | Exception]]:
        """Positions of videos with their text pieces (schema `tables.text_piece(D)`), or why none.

        In order of completion.
        """
        under_way: dict[int, _Texts] = {}

        def parts() -> Iterator[Run | Failure]:
            for video, own in enumerate(captions):
                try:
                    texts = self._read(own)
                except Exception as error:  # one video's, whatever it is
                    yield Failure(video, error)
                    continue
                under_way[video] = texts
                yield from self._runs(video, texts.tokens)

        for video, found in encode_each(
            parts(), self.tower.start, lambda: self.tower.batch_size, shared=self.shared
        ):
            texts = under_way.pop(video, None)
            if texts is None or isinstance(found, Exception):
                yield video, found
            else:
                yield video, texts.piece(found)

    def _read(self, captions: Sequence[str]) -> _Texts:
        parts = [sentences(c) if self.by_sentence else [c] for c in captions]
        read = [own[:MOST_SENTENCES] for own in parts]
        known = {text: self.model.tokens(text) for text in dict.fromkeys(chain(captions, *read))}
        row_of = {text: row for row, text in enumerate(dict.fromkeys(chain(*read)))}
        truncated = [
            len(own) < len(every) or any(known[text].truncated for text in own)
            for own, every in zip(read, parts, strict=True)
        ]
        return _Texts(
            [known[text] for text in row_of],
            [[row_of[text] for text in own] for own in read],
            [known[caption].count for caption in captions],
            truncated,
        )

    def _runs(self, video: int, tokens: Sequence[Tokens]) -> Iterator[Run]:
        batches: list[torch.Tensor] = [one_row(own) for own in tokens]
        if self.shared:
            yield Run(video, 0, len(tokens), filled(batches))
            return
        for row, batch in enumerate(batches):
            yield Run(video, row, len(tokens), batch)
