"""The encoders as their stages run them: in worker processes, piece by piece into a store."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline import pieces, tables
from pipeline.config import Clip, ClipText, Runtime
from pipeline.encoders.images import ImageEncoder
from pipeline.encoders.text import TextEncoder
from tests.encoders.pictures import features_of, jpeg, noise, write_frames

IMAGE, TEXT = tables.feature_piece(256), tables.text_piece(256)
TINY = Clip(model="tiny", pretrained="random")


def runtime(store: Path, workers: int, batch_size: int) -> Runtime:
    return Runtime(
        engine="local",
        workers=workers,
        device="cpu",
        batch_size=batch_size,
        compile=False,
        timeout_s=120,
        recycle_after=50,
        max_failed_share=0.5,
        store=str(store),
    )


def features(
    make: Callable[[], Any],
    sources: dict[str, Any],
    settings: Runtime,
    together: int,
    schema: pa.Schema = IMAGE,
) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, str]]:
    """Features of each video from a store of its own, and why the others have none."""
    store = pieces.Store(Path(settings.store), "clip", schema)
    jobs = [pieces.Job(name, f"{name:0>64}", source) for name, source in sources.items()]
    computed = pieces.compute(jobs, make, store, settings, gpu=True, together=together)
    found = {job.video_id: features_of(store.load(job.key)) for job in computed.done}
    return found, computed.failed


def test_image_features_are_the_same_bits_whatever_the_workers_and_batches(tmp_path: Path) -> None:
    videos = {
        "a": write_frames(tmp_path / "a.parquet", [list(range(40)), list(range(8, 48))]),
        "b": write_frames(tmp_path / "b.parquet", [[50, 51]]),
        "c": write_frames(tmp_path / "c.parquet", [[60], [61]], {61: jpeg(noise(61))[:-99]}),
        "d": write_frames(tmp_path / "d.parquet", [[70, 71, 72]]),
    }
    outcomes = []
    for workers, batch_size, together in ((1, 64, 4), (2, 5, 1)):
        settings = runtime(tmp_path / f"store{workers}", workers, batch_size)
        make = partial(ImageEncoder, TINY, device="cpu", batch_size=batch_size)
        found, failed = features(make, videos, settings, together)
        assert list(failed) == ["c"]
        assert "frame 61 is no whole JPEG" in failed["c"]
        outcomes.append(found)
    assert list(outcomes[0]) == ["a", "b", "d"]
    for name, expected in outcomes[0].items():
        np.testing.assert_array_equal(outcomes[1][name], expected)


def test_text_features_too(tmp_path: Path) -> None:
    captions = {"a": [f"{n} cars" for n in range(40)], "b": ["nothing moves", "a fire"]}
    outcomes = []
    for workers, together in ((1, 2), (2, 1)):
        settings = runtime(tmp_path / f"store{workers}", workers, 7)
        make = partial(TextEncoder, ClipText(encoder="clip"), TINY, device="cpu", batch_size=7)
        outcomes.append(features(make, captions, settings, together, TEXT)[0])
    for name in captions:
        np.testing.assert_array_equal(outcomes[0][name], outcomes[1][name])
