"""Writing H.264 in mp4; the only file of the demo that imports PyAV."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.atomic import atomic_path
from pipeline.demo.plan import Codec

TICKS = 90_000  # time base of variable-rate videos, in ticks per second
_OPTIONS: dict[Codec, dict[str, str]] = {
    "plain": {"g": "50", "bf": "0"},
    "b_frames": {"g": "50", "bf": "3", "b_strategy": "0"},
    "variable_rate": {"g": "50", "bf": "0"},
    "long_gop": {"g": "250", "keyint_min": "250", "sc_threshold": "0", "bf": "0"},
}


def write_mp4(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    times: NDArray[np.float64],
    *,
    fps: Fraction,
    codec: Codec,
) -> None:
    """Encode frames (H, W, 3) uint8 RGB shown at ``times`` seconds, and put them at ``path``.

    One encoder thread, so equal frames give equal bytes.  The file appears
    under its own name only when it is complete.
    """
    base = Fraction(1, TICKS) if codec == "variable_rate" else 1 / fps
    options = {"preset": "superfast", "crf": "28", "threads": "1", **_OPTIONS[codec]}
    # The header goes to the front, so that a cut file still opens.
    flags = {"movflags": "+faststart", "fflags": "+bitexact"}
    with (
        atomic_path(path) as temporary,
        av.open(str(temporary), "w", format="mp4", options=flags) as container,
    ):
        stream = container.add_stream("libx264", rate=fps, options=options)
        for k, pixels in enumerate(frames):
            if k == 0:
                stream.height, stream.width = pixels.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.thread_count = 1
                stream.codec_context.time_base = base
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.time_base = base
            frame.pts = round(float(times[k]) / base)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def sample_offsets(path: Path) -> list[tuple[int, int]]:
    """Position and size in bytes of every coded frame of an mp4, in decoding order."""
    with av.open(str(path)) as container:
        return [
            (packet.pos, packet.size)
            for packet in container.demux(video=0)
            if packet.pos is not None and packet.size
        ]
