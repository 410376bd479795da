"""The corpus through what the stages call: probe, then sample, in one run of the engine."""

import io
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline import engine, tables
from pipeline.config import Decode
from pipeline.digests import sha256_of
from pipeline.video import decode, probe
from tests.video.hostile import CASES, Case
from tests.video.hostile.barcode import number_of
from tests.video.reading import runtime

SNIPPETS, EACH = 8, 4
# Files that seeking reads exactly, so that reading them in order would only be slow.
INDEXED = {"plain.mp4", "open_gop.mp4", "hevc.mp4", "vp9.webm", "index.mkv", "fragments.mp4"}
INDEXED |= {"long_gop.mp4", "unsteady.mp4", "cut.mp4", "turned_90.mp4", "overstated.mp4"}
UNCLEAR = {"flipped_hevc.mp4"}  # pictures that are damaged without a word


class ProbeAndSample:
    """In a worker: the row of the manifest, and the sampled frames' table."""

    def __init__(self, settings: Decode) -> None:
        self.probe = probe.Probe(settings)
        self.sampler = decode.Sampler(settings)

    def __call__(self, path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        table = self.probe(path)
        tables.check(table, tables.PROBE, "probe")
        row = table.to_pylist()[0]
        request = decode.Request(path, sha256_of(path), row["n_frames"], row["way"])
        frames = self.sampler(request)
        tables.check(frames, tables.FRAMES, "frames")
        return row, frames.to_pylist()


def make(settings: Decode) -> Callable[[Path], Any]:
    return ProbeAndSample(settings)


@pytest.fixture(scope="session", params=[False, True], ids=["strict", "salvage"])
def outcomes(corpus: Path, request: pytest.FixtureRequest) -> dict[str, engine.Outcome]:
    settings = Decode(
        decoder="auto",
        salvage=request.param,
        snippets=SNIPPETS,
        frames_per_snippet=EACH,
        max_short_side=448,
        jpeg_quality=95,
    )
    paths = [corpus / case.name for case in CASES]
    made = engine.run(partial(make, settings), paths, runtime(), label="hostile")
    return {paths[outcome.index].name: outcome for outcome in made}


def test_every_file_has_one_outcome_and_the_good_ones_are_unharmed(
    outcomes: dict[str, engine.Outcome],
) -> None:
    assert sorted(outcomes) == sorted(case.name for case in CASES)
    for case in CASES:
        if not case.refused and case.name not in UNCLEAR:
            assert outcomes[case.name].error is None, case.name
            check_sampled(case, *outcomes[case.name].value)


def check_sampled(case: Case, row: dict[str, Any], snippets: list[dict[str, Any]]) -> None:
    """The sampled JPEGs show the frames whose numbers stand beside them."""
    assert (row["n_frames"], row["n_lost"], row["damage"]) == (len(case.shows), 0, "")
    assert len(snippets) == SNIPPETS
    for snippet in snippets:
        assert len(snippet["frame_index"]) == EACH
        for number, jpeg in zip(snippet["frame_index"], snippet["image"], strict=True):
            shown = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))
            assert number_of(shown) == case.shows[number], (case.name, number)


def test_what_cannot_be_read_is_an_outcome_with_its_reason(
    outcomes: dict[str, engine.Outcome],
) -> None:
    for case in CASES:
        if case.refused and not case.salvaged and case.name != "locked.mp4":
            error = outcomes[case.name].error
            assert error is not None
            assert re.fullmatch(f"DecodeError: .*({case.refused}).*", error), (case.name, error)


def test_the_index_is_used_where_it_tells_the_frames(
    outcomes: dict[str, engine.Outcome],
) -> None:
    ways = {name: outcomes[name].value[0]["way"] for name in INDEXED}
    assert ways == dict.fromkeys(INDEXED, "index")
