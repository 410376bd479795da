"""Five ways to the same pictures of a video, each measured in a process of its own."""

import importlib
import multiprocessing
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.videos import number_of
from pipeline.config import Decode
from pipeline.errors import UserError
from pipeline.video import snippets
from pipeline.video.decode import Request, Sampler
from pipeline.video.reading.pictures import to_jpeg

Pictures = Mapping[int, bytes]  # frame number -> JPEG
Reader = Callable[[Request], Pictures]
OURS, NULL = "ours", "ffmpeg null"


@dataclass(frozen=True)
class Measured:
    """Seconds that one reading took, and how many of its pictures are of another frame."""

    cpu: float
    wall: float
    n_pictures: int
    n_wrong: int


def sampler(settings: Decode) -> Reader:
    """The stage's own function: with the file's SHA-256 and the table that is stored."""
    sample = Sampler(settings)

    def read(video: Request) -> Pictures:
        rows = sample(video).select(["frame_index", "image"]).to_pylist()
        return {n: jpeg for row in rows for n, jpeg in zip(*row.values(), strict=True)}

    return read


def in_order(settings: Decode) -> Reader:
    """The stage's own function, decoding every frame."""
    read = sampler(settings)
    return lambda video: read(replace(video, way="order"))


def decord(settings: Decode) -> Reader:
    """Plain decord: `get_batch` of each snippet's frames, one thread."""
    library = _library("decord")

    def read(video: Request) -> Pictures:
        reader = library.VideoReader(str(video.path), num_threads=1)
        pictures = {}
        for _, _, index in _plan(settings, video):
            frames = reader.get_batch(index).asnumpy()
            for number, frame in zip(index, frames, strict=True):
                pictures[number] = to_jpeg(frame, settings.max_short_side, settings.jpeg_quality)
        return pictures

    return read


def opencv(settings: Decode) -> Reader:
    """A loop of `read` over all frames that keeps those wanted; OpenCV's own resize and JPEG."""
    cv2 = _library("cv2")
    cv2.setNumThreads(1)

    def jpeg(frame: Any) -> bytes:
        scale = settings.max_short_side / min(frame.shape[:2])
        if scale < 1:
            frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        quality = [cv2.IMWRITE_JPEG_QUALITY, settings.jpeg_quality]
        return bytes(cv2.imencode(".jpg", frame, quality)[1])

    def read(video: Request) -> Pictures:
        one_thread = [cv2.CAP_PROP_N_THREADS, 1]
        capture = cv2.VideoCapture(str(video.path), cv2.CAP_FFMPEG, one_thread)
        wanted = {number for _, _, index in _plan(settings, video) for number in index}
        pictures = {}
        for number in range(video.n_frames):
            found, frame = capture.read()
            if found and number in wanted:
                pictures[number] = jpeg(frame)
        return pictures

    return read


def ffmpeg_null(_: Decode) -> Reader:
    """The floor of reading in order: ffmpeg decodes every frame and makes no picture."""
    program = shutil.which("ffmpeg") or _library("imageio_ffmpeg").get_ffmpeg_exe()
    quiet = [program, "-nostdin", "-loglevel", "error", "-filter_threads", "1", "-threads", "1"]

    def read(video: Request) -> Pictures:
        subprocess.run([*quiet, "-i", str(video.path), "-f", "null", "-"], check=True)
        return {}

    return read


READERS: dict[str, Callable[[Decode], Reader]] = {
    OURS: sampler,
    "in order": in_order,
    "decord": decord,
    "OpenCV": opencv,
    NULL: ffmpeg_null,
}


@dataclass(frozen=True)
class Task:
    """What a process is to measure: the settings and the video.

    `warm_up` is a video to read before that, uncounted: a worker reads hundreds of videos, and
    libraries load parts of themselves at the first.
    """

    settings: Decode
    video: Request
    segment_frames: int
    warm_up: Request


def measure(name: str, task: Task) -> Measured:
    """Read a video once, in a fresh process, so that no reader inherits another's leaks."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(_measure, name, task).result()


def _measure(name: str, task: Task) -> Measured:
    READERS[name](task.settings.model_copy(update={"frames_per_snippet": 1}))(task.warm_up)
    read = READERS[name](task.settings)
    cpu, wall = cpu_seconds(), time.perf_counter()
    pictures = read(task.video)
    cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    shown = {number: number_of(jpeg) for number, jpeg in pictures.items()}
    wrong = sum(shown[number] != number % task.segment_frames for number in shown)
    return Measured(cpu, wall, len(pictures), wrong)


def cpu_seconds() -> float:
    """User and system time of this process and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _plan(settings: Decode, video: Request) -> list[tuple[int, int, list[int]]]:
    return snippets.plan(video.n_frames, settings.snippets, settings.frames_per_snippet)


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(f"{error}; `pip install -r requirements-bench.txt` brings it") from None
