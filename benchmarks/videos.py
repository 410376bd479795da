"""Generated videos that cost what surveillance footage costs to decode.

A still textured room, sensor noise and a few moving blocks, in H.264 with x264's usual B-frames
at the bit rate of real clips. Every frame carries its number as a strip of black and white cells,
so that a tool's pictures can be checked against the frames it was asked for.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.atomic import atomic_path

GOPS = (12, 250)
BITS = 12  # cells of the strip: frame numbers 0..4095, modulo the segment's length
Plane = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Format:
    """Size in pixels, frames a second, and bits a second."""

    width: int
    height: int
    fps: int
    bit_rate: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


# The bit rates of the real clips: at 320x240 seven of UCF-Crime with 68 to 214 kbit/s (median 133),
# at 640x360 one of XD-Violence with 479 kbit/s; x264 with two or three B-frames, GOPs up to 250.
FORMATS = (Format(320, 240, 30, 140_000), Format(640, 360, 24, 480_000))


@dataclass(frozen=True)
class Recording:
    """A video of the benchmark: so many whole minutes, each the same."""

    form: Format
    minutes: int
    gop: int

    def __str__(self) -> str:
        return f"{self.form} {self.minutes} min GOP {self.gop}"

    @property
    def segment_frames(self) -> int:
        """Frames of one minute, after which the frame numbers in the pictures start again."""
        return 60 * self.form.fps

    @property
    def n_frames(self) -> int:
        """Frames of the whole video."""
        return self.minutes * self.segment_frames

    def path(self, folder: Path) -> Path:
        """Where the video lies; the name holds all that decides its content."""
        form = self.form
        rate = f"{form.fps}fps_{form.bit_rate // 1000}k"
        return folder / f"{form}_{rate}_{self.minutes}min_gop{self.gop}.mp4"


def prepare(recording: Recording, folder: Path) -> Path:
    """The path of the video, which is written first if `folder` lacks it.

    One minute is encoded (seconds); a longer video is that minute end to end, not encoded again.
    """
    path = recording.path(folder)
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    if recording.minutes == 1:
        _encode(recording, path)
    else:
        minute = Recording(recording.form, 1, recording.gop)
        _repeat(prepare(minute, folder), path, minute.n_frames, recording)
    return path


def _encode(recording: Recording, path: Path) -> None:
    form = recording.form
    options = {"preset": "veryfast", "g": str(recording.gop), "b": str(form.bit_rate)}
    with (
        atomic_path(path) as temporary,
        av.open(str(temporary), "w", format="mp4") as container,
    ):
        stream = container.add_stream("libx264", rate=form.fps, options=options)
        stream.width, stream.height, stream.pix_fmt = form.width, form.height, "yuv420p"
        for number, luma in enumerate(_pictures(form, recording.n_frames)):
            chroma = np.full((form.height // 2, form.width), 128, np.uint8)  # both planes: grey
            frame = av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, form.fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _repeat(source: Path, path: Path, n_frames: int, recording: Recording) -> None:
    """Copy the coded frames of `source`, end to end, with shifted times; its GOPs are closed."""
    with (
        atomic_path(path) as temporary,
        av.open(str(temporary), "w", format="mp4") as output,
    ):
        stream = None
        for round_ in range(recording.minutes):
            with av.open(str(source)) as segment:
                video = segment.streams.video[0]
                stream = stream or output.add_stream_from_template(video)
                shift = round(
                    round_ * n_frames / recording.form.fps / cast(Fraction, video.time_base)
                )
                for packet in segment.demux(video):
                    if packet.pts is None or packet.dts is None:  # the packet that ends a file
                        continue
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    output.mux(packet)


def _pictures(form: Format, count: int) -> Iterator[Plane]:
    """The luma planes (height, width) of `count` frames."""
    rng = np.random.default_rng(0)
    room = _texture(rng, form)
    # Drawing noise anew costs more than encoding: a few fields, each shifted at random.
    noise = rng.normal(0, 2.5, (8, form.height, form.width)).astype(np.int16)
    side = form.height // 6
    starts, speeds = rng.uniform(0, 1, (6, 2)), rng.uniform(-0.006, 0.006, (6, 2))
    for number in range(count):
        picture = room.copy()
        for block in range(len(starts)):
            place = np.abs((starts[block] + number * speeds[block]) % 2 - 1)  # there and back
            top, left = (place * (form.height - side, form.width - side)).astype(int)
            picture[top : top + side, left : left + side // 2] = 50 + 30 * block
        field = noise[rng.integers(len(noise))]
        picture += np.roll(field, rng.integers(0, form.height, 2), axis=(0, 1))
        _stamp(picture, number)
        yield np.clip(picture, 16, 235).astype(np.uint8)


def _texture(rng: np.random.Generator, form: Format) -> npt.NDArray[np.int16]:
    """A room: large patches of light, and fine detail on them."""
    total = np.zeros((form.height, form.width))
    for cells, strength in ((6, 60.0), (24, 30.0), (90, 20.0)):
        coarse = Image.fromarray(rng.uniform(-1, 1, (cells, cells)).astype(np.float32))
        total += strength * np.asarray(coarse.resize((form.width, form.height)))
    return np.asarray(120 + total, np.int16)


def _cells(height: int, width: int) -> list[tuple[slice, slice]]:
    """Where the strip's cells lie: one row along the bottom edge."""
    side = min(height // 12, width // BITS)
    return [
        (slice(height - side, height), slice(bit * side, (bit + 1) * side)) for bit in range(BITS)
    ]


def _stamp(picture: npt.NDArray[np.int16], number: int) -> None:
    for bit, cell in enumerate(_cells(*picture.shape)):
        picture[cell] = 235 if number >> bit & 1 else 16


def number_of(jpeg: bytes) -> int:
    """The frame number that a picture carries (modulo its segment's length)."""
    grey = np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"))
    height, width = grey.shape
    return sum(
        int(grey[cell].mean() > 127) << bit for bit, cell in enumerate(_cells(height, width))
    )
