"""Writing numbered frames with PyAV: one encoder thread, so equal input gives equal bytes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.video.hostile.barcode import picture

FPS = 25
TICKS = 90_000  # time base where frames do not come at a steady rate

GOP = 24
X264 = {
    "preset": "superfast",
    "crf": "23",
    "g": str(GOP),
    "keyint_min": str(GOP),
    "sc_threshold": "0",  # keyframes at every 24th frame and nowhere else
    "bf": "2",
    "b_strategy": "0",
    "threads": "1",
}


@dataclass(frozen=True)
class Clip:
    """What to encode: frames `numbers`, how large, with what, and when they are shown.

    `times` are the frames' time stamps in units of `base` seconds; none means 0, 1, 2 and so on.
    `options` are the codec's. `quarters` turns the stored pictures against the clock.
    """

    numbers: Sequence[int] = range(120)
    size: tuple[int, int] = (64, 48)
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    options: Mapping[str, str] = field(default_factory=lambda: X264)
    times: Sequence[int] | None = None
    base: Fraction = Fraction(1, FPS)
    quarters: int = 0
    prepare: Callable[[Any], None] | None = None  # last touch to the codec's context

    def but(self, **changes: Any) -> "Clip":
        """The same but for these fields."""
        return replace(self, **changes)

    def with_options(self, **options: str) -> "Clip":
        """The same with further codec options."""
        return replace(self, options={**self.options, **options})


def set_up(context: Any, clip: Clip) -> None:
    """Give an encoder's context the clip's size, format and time base, and one thread."""
    context.width, context.height = clip.size
    context.pix_fmt = clip.pix_fmt
    context.thread_count = 1
    context.time_base = clip.base
    if clip.prepare is not None:
        clip.prepare(context)


def frames(clip: Clip) -> Iterator[Any]:
    """The clip's frames in the encoder's format, with their time stamps."""
    upright = clip.size[::-1] if clip.quarters % 2 else clip.size
    for k, number in enumerate(clip.numbers):
        pixels = np.ascontiguousarray(np.rot90(picture(number, upright), clip.quarters))
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=clip.pix_fmt)
        frame.time_base = clip.base
        frame.pts = k if clip.times is None else clip.times[k]
        yield frame


def write(
    path: Path,
    clip: Clip,
    *others: Clip,
    format: str | None = None,
    container: Mapping[str, str] | None = None,
    target: Any = None,
    sound: bool = False,
) -> Path:
    """Encode one video stream a clip into `path` and return it.

    `container` holds the muxer's options, `target` a file object to write to in place of the
    path, `sound` adds a second of a tone.
    """
    options = {"fflags": "+bitexact", **(container or {})}
    with av.open(target or str(path), "w", format=format, options=options) as out:
        streams = []
        for each in (clip, *others):
            stream: Any = out.add_stream(each.codec, rate=FPS, options=dict(each.options))
            set_up(stream.codec_context, each)
            streams.append((stream, each))
        tone = out.add_stream("aac", rate=8000) if sound else None
        for stream, each in streams:
            for frame in frames(each):
                out.mux(stream.encode(frame))
        if tone is not None:
            mux_tone(out, tone)
        for stream, _ in streams:
            out.mux(stream.encode(None))
    return path


def mux_tone(out: Any, stream: Any) -> None:
    """A second of a 440 Hz tone."""
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(8192) / 8000)
    frame = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), format="fltp", layout="mono")
    frame.sample_rate = 8000
    frame.pts = 0
    out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def packets(clip: Clip) -> list[Any]:
    """The clip's coded packets, each keyframe with its own parameter sets (Annex B)."""
    context: Any = av.CodecContext.create(clip.codec, "w")
    context.options = dict(clip.options)
    context.framerate = Fraction(FPS)
    set_up(context, clip)
    coded: list[Any] = [packet for frame in frames(clip) for packet in context.encode(frame)]
    return [*coded, *context.encode(None)]


class Pipe:
    """A file object with the one method that PyAV needs; without `seek` it is taken for a pipe."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, part: Any) -> int:
        """Append the bytes; returns how many they are."""
        self.content += bytes(part)
        return len(part)


def piped(path: Path, clip: Clip, **how: Any) -> Path:
    """Write as `write` does, through a pipe: nothing already written is ever changed."""
    pipe = Pipe()
    write(path, clip, target=pipe, **how)
    path.write_bytes(bytes(pipe.content))
    return path
