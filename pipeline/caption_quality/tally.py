"""Counting over the captions of a dataset, some at a time."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from pipeline.caption_quality.kinds import Measured, measure

KINDS = ("empty", "over_long", "unfinished", "loops", "refusals", "markup", "non_latin")
EXAMPLES, EXAMPLE_LENGTH = 3, 120
FEWEST_SNIPPETS = 3  # from which a video is expected to be told in more than one caption

Row = tuple[str, int, str]  # video, snippet, caption


@dataclass
class Tally:
    """Counts of the captions added so far.

    It holds 20 bytes of each caption, not its text (captions are compared by a digest of 64 bits),
    and sorts them in the end.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Row]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    videos: dict[str, int] = field(default_factory=dict)  # numbers by name
    video: list[npt.NDArray[np.int32]] = field(default_factory=list)
    digest: list[npt.NDArray[np.uint64]] = field(default_factory=list)
    words: list[npt.NDArray[np.int32]] = field(default_factory=list)
    characters: list[npt.NDArray[np.int32]] = field(default_factory=list)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count rows of `video_id`, `snippet` and `caption`, which follow those before."""
        captions = batch["caption"]
        measured = measure(captions)
        self.words.append(measured.words)
        self.characters.append(measured.characters)
        texts = captions.to_numpy(zero_copy_only=False)
        self.digest.append(pd.util.hash_array(texts, categorize=False))
        names = batch["video_id"].dictionary_encode()
        numbers = [
            self.videos.setdefault(name, len(self.videos)) for name in names.dictionary.to_pylist()
        ]
        self.video.append(np.array(numbers, dtype=np.int32)[names.indices.to_numpy()])
        self._count(measured, batch)

    def _count(self, measured: Measured, batch: pa.RecordBatch) -> None:
        for kind in KINDS:
            rows = np.flatnonzero(measured.kinds[kind])
            self.counts[kind] += len(rows)
            missing = EXAMPLES - len(self.examples[kind])
            for found in batch.take(pa.array(rows[:missing])).to_pylist():
                self.examples[kind].append((found["video_id"], found["snippet"], found["caption"]))

    def summary(self, row_at: Callable[[int], Row]) -> dict[str, Any]:
        """What has been found; `row_at` gives a row again by its number among those added."""
        n_captions = sum(map(len, self.digest))
        same = self._same_throughout()
        n_distinct, most_common = self._most_common(row_at)
        examples = self.examples | {"same_throughout": [row_at(row) for row in same[:EXAMPLES]]}
        return {
            "videos": len(self.videos),
            "captions": n_captions,
            "words": _spread(self.words),
            "characters": _spread(self.characters),
            **{kind: _part(self.counts[kind], n_captions) for kind in KINDS},
            "same_throughout": _part(len(same), len(self.videos)),
            "distinct": _part(n_distinct, n_captions),
            "most_common": most_common,
            "examples": [
                {"kind": kind, "video_id": video, "snippet": snippet, "caption": cut(caption)}
                for kind, rows in examples.items()
                for video, snippet, caption in rows
            ],
        }

    def _same_throughout(self) -> list[int]:
        """The first row of each video that has enough snippets and a single caption."""
        if not self.video:
            return []
        rows = pd.DataFrame(
            {"video": np.concatenate(self.video), "digest": np.concatenate(self.digest)}
        )
        rows["row"] = np.arange(len(rows))
        of_video = rows.groupby("video", sort=True)
        found = of_video["digest"].agg(["min", "max", "size"])
        same = (found["min"] == found["max"]) & (found["size"] >= FEWEST_SNIPPETS)
        return [int(row) for row in of_video["row"].min()[same]]

    def _most_common(self, row_at: Callable[[int], Row]) -> tuple[int, dict[str, Any] | None]:
        """How many captions differ, and the most frequent one: of equals, the first."""
        if not self.digest:
            return 0, None
        digests = np.concatenate(self.digest)
        _, first, counts = np.unique(digests, return_index=True, return_counts=True)
        row = int(first[counts == counts.max()].min())
        caption = cut(row_at(row)[2])
        return len(counts), {"caption": caption, **_part(int(counts.max()), len(digests))}


def _part(count: int, whole: int) -> dict[str, float]:
    return {"count": count, "share": round(count / whole, 6) if whole else 0.0}


def _spread(measured: list[npt.NDArray[np.int32]]) -> dict[str, float] | None:
    if not measured:
        return None
    numbers = np.concatenate(measured)
    return {
        "min": int(numbers.min()),
        "median": float(np.median(numbers)),
        "max": int(numbers.max()),
    }


def cut(caption: str) -> str:
    """The caption's beginning."""
    return caption if len(caption) <= EXAMPLE_LENGTH else caption[: EXAMPLE_LENGTH - 1] + "…"
