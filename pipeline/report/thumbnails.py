"""A few small pictures of a video, evenly spaced over its snippets."""

import io

import pyarrow as pa
from PIL import Image, UnidentifiedImageError

from pipeline.errors import UserError

QUALITY = 70


def pick(frames_table: pa.Table, count: int, height: int) -> list[bytes]:
    """At most `count` JPEGs of `height` pixels in time order.

    `frames_table` has the schema `tables.FRAMES`. Of T snippets those at the centres of `count`
    equal parts are taken, and of each the middle frame, so that picture i belongs to the i-th
    part of the video. Fewer snippets than `count` give one picture each. Equal input gives equal
    bytes. Raises `UserError` for a frame that is no picture.
    """
    n_snippets = frames_table.num_rows
    count = min(count, n_snippets)
    chosen = [(2 * i + 1) * n_snippets // (2 * count) for i in range(count)]
    images = frames_table.column("image").take(pa.array(chosen, pa.int64())).to_pylist()
    return [shrink(frames[len(frames) // 2], height) for frames in images if frames]


def shrink(jpeg: bytes, height: int) -> bytes:
    """A picture at most `height` pixels high, as JPEG; never enlarged."""
    try:
        with Image.open(io.BytesIO(jpeg)) as opened:
            picture = opened.convert("RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(
            f"a kept frame is no readable picture ({error}); remove it and `dvc repro`"
        ) from error
    if picture.height > height:
        width = max(1, round(picture.width * height / picture.height))
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()
