"""Random damage to good files: each is refused, or read as ffmpeg reads it, and soon.

By default as many mutations as a minute allows. `FUZZ_MUTATIONS=500` does 500, however long it
takes; `FUZZ_SEED=123` only the one of that seed, to look into it.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from pipeline import engine
from tests.video import reference
from tests.video.hostile.case import Maker, written
from tests.video.hostile.coded import H264, HEVC, OPEN_GOP
from tests.video.hostile.mutations import mutate
from tests.video.judging import Verdict, judge
from tests.video.reading import runtime

SECONDS = 60.0
MOST = 100_000  # mutations that a minute will not reach
FEWEST = 100
N_FRAMES = range(60)
FRONT = {"movflags": "+faststart"}
BASES: dict[str, Maker] = {
    "plain.mp4": written(H264.but(numbers=N_FRAMES), container=FRONT),
    "index_last.mp4": written(H264.but(numbers=N_FRAMES)),
    "open_gop.mp4": written(OPEN_GOP.but(numbers=N_FRAMES), container=FRONT),
    "plain.mkv": written(H264.but(numbers=N_FRAMES)),
    "hevc.mp4": written(HEVC.but(numbers=N_FRAMES), container=FRONT),
}


class Mutant:
    """In a worker: make the mutation of a seed, read it, and judge what came."""

    def __init__(self, folder: Path) -> None:
        self.good = [(path.name, path.read_bytes()) for path in sorted(folder.glob("good-*"))]
        self.sound = {name: pictures(folder / name) for name, _ in self.good}
        self.folder = folder

    def __call__(self, seed: int) -> Verdict:
        name, content = self.good[seed % len(self.good)]
        path = self.folder / f"{seed}-{name}"
        path.write_bytes(mutate(content, seed))
        try:
            return judge(path, self.sound[name])
        finally:
            path.unlink()


def pictures(path: Path) -> frozenset[bytes]:
    return frozenset(shown.picture.tobytes() for shown in reference.sequential(path))


def make(folder: Path) -> Callable[[int], Verdict]:
    return Mutant(folder)


def boxed(outcomes: Iterator[engine.Outcome], seconds: float) -> list[engine.Outcome]:
    """The outcomes that come within that time."""
    end, found = time.monotonic() + seconds, []
    with closing(outcomes):  # type: ignore[type-var]
        for outcome in outcomes:
            found.append(outcome)
            if time.monotonic() > end:
                break
    return found


def seeds() -> tuple[Sequence[int], float]:
    """Which mutations to make, and how many seconds they may take in all."""
    if seed := os.environ.get("FUZZ_SEED"):
        return [int(seed)], float("inf")
    if count := os.environ.get("FUZZ_MUTATIONS"):
        return range(int(count)), float("inf")
    return range(MOST), SECONDS


def test_mutated_files_are_refused_or_read_as_ffmpeg_reads_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, base in BASES.items():
        path = tmp_path / f"good-{name}"
        base(path)
        assert judge(path, pictures(path)) == Verdict("read")
    chosen, box = seeds()
    outcomes = boxed(engine.run(partial(make, tmp_path), chosen, runtime(), label="fuzz"), box)
    wrong = [
        f"seed {chosen[outcome.index]}: {outcome.error or outcome.value.wrong}"
        for outcome in outcomes
        if outcome.error or outcome.value.wrong
    ]
    kinds = [outcome.value.kind for outcome in outcomes if outcome.value]
    counts = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
    with capsys.disabled():
        print(f"\n{len(outcomes)} mutations: {counts}, {len(wrong)} wrong")
    assert wrong == [], "\n".join(wrong)
    if len(chosen) > FEWEST:
        assert len(outcomes) >= FEWEST
        assert counts.get("unnoticed", 0) <= len(outcomes) / 50
        assert counts["read"] > len(outcomes) / 20  # refusing everything would be no feat
        assert counts["refused"] > len(outcomes) / 20
