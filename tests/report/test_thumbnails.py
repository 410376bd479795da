import io

import pyarrow as pa
import pytest
from PIL import Image

from pipeline import tables
from pipeline.errors import UserError
from pipeline.report.thumbnails import pick, shrink

from .synthetic import jpeg


def frames(n_snippets: int) -> pa.Table:
    """Snippet i's middle frame is grey of level 10 i; its other frames are no pictures."""
    rows = [
        {"snippet": i, "start": i, "end": i + 1, "frame_index": [i] * 3,
         "image": [b"?", jpeg(160, 120, f"rgb({10 * i},{10 * i},{10 * i})"), b"?"]}
        for i in range(n_snippets)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=tables.FRAMES)


def levels(pictures: list[bytes]) -> list[int]:
    return [round(Image.open(io.BytesIO(p)).getpixel((5, 5))[0] / 10) for p in pictures]


@pytest.mark.parametrize(
    ("n_snippets", "count", "chosen"),
    [(16, 4, [2, 6, 10, 14]), (5, 1, [2]), (3, 8, [0, 1, 2]), (0, 8, []), (4, 0, [])],
)
def test_evenly_spaced_middle_frames(n_snippets: int, count: int, chosen: list[int]) -> None:
    assert levels(pick(frames(n_snippets), count, 72)) == chosen


def test_size() -> None:
    small = Image.open(io.BytesIO(shrink(jpeg(160, 120), 72)))
    assert small.size == (96, 72)
    assert Image.open(io.BytesIO(shrink(jpeg(32, 24), 72))).size == (32, 24)
    assert shrink(jpeg(160, 120), 72) == shrink(jpeg(160, 120), 72)


def test_a_broken_picture_is_explained() -> None:
    with pytest.raises(UserError, match="no readable picture"):
        shrink(jpeg()[:40], 72)
