"""Files that are no videos, whatever their names say, and what is no file."""

import os
import random
from pathlib import Path

import av
from PIL import Image

from tests.video.hostile.barcode import picture
from tests.video.hostile.case import Case, content
from tests.video.hostile.encode import FPS, mux_tone


def _sound_alone(path: Path) -> None:
    with av.open(str(path), "w") as out:
        mux_tone(out, out.add_stream("aac", rate=8000))


def _still(path: Path) -> None:
    Image.fromarray(picture(7)).save(path, format="PNG")


def _animation(path: Path) -> None:
    stills = [Image.fromarray(picture(k)) for k in range(20)]
    stills[0].save(
        path, format="GIF", save_all=True, append_images=stills[1:], duration=1000 // FPS
    )


def _locked(path: Path) -> None:
    path.write_bytes(b"nobody may read this")
    path.chmod(0)


CASES = (
    Case("empty.mp4", content(b""), "zero bytes", refused="empty"),
    Case("text.mp4", content(b"this is no video\n" * 200), "text", refused="no video"),
    Case("noise.mp4", content(random.Random(1).randbytes(20_000)), "noise", refused="no video"),
    Case("sound_alone.mp4", _sound_alone, "sound without pictures", refused="no video stream"),
    Case("folder.mp4", lambda path: path.mkdir(), "a folder", refused="regular file"),
    Case("pipe.mp4", os.mkfifo, "a pipe that nobody writes to", refused="regular file"),
    Case("locked.mp4", _locked, "a file nobody may read", refused="[Pp]ermission"),
    Case("still.mp4", _still, "a PNG under a video's name", refused="no video"),
    Case("animation.mp4", _animation, "a GIF under a video's name: a video after all", range(20)),
)
