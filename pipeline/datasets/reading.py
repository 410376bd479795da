"""How the files behind a listing are digested and probed: video files, or files of features."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from pipeline import imported, pieces
from pipeline.atomic import UnwritableError
from pipeline.config import Decode, FeaturesSource, Source
from pipeline.datasets.listing import Video
from pipeline.digests import installed, sha256_of
from pipeline.errors import UserError
from pipeline.video import probe


@dataclass(frozen=True)
class Reader:
    """What reads the videos of a source.

    `request` is what `digest` and the probe are called with. `digest` is the SHA-256 of the video's
    own content. `make` builds the probe in a worker, `recipe` says how it probes; `said` is what
    the listing says of the video that changes its probe's row.
    """

    request: Callable[[Video], Any]
    digest: Callable[[Any], str]
    recipe: pieces.Recipe
    make: Callable[[], Callable[[Any], pa.Table]]
    said: Callable[[Video], str] = lambda video: ""

    def digests(self, videos: Iterable[Video]) -> tuple[dict[str, str], dict[str, str]]:
        """Digests by video id, and the reason by video id where a file cannot be read.

        Raises `UnwritableError` where the work store cannot be written to.
        """
        done: dict[str, str] = {}
        failed: dict[str, str] = {}
        pool = ThreadPoolExecutor()  # hashing releases the interpreter lock
        try:
            futures = {v.video_id: pool.submit(self.digest, self.request(v)) for v in videos}
            for video_id, future in tqdm(futures.items(), "digest", unit="video", disable=None):
                try:
                    done[video_id] = future.result()
                except UnwritableError:  # the work store's fault, and no video's
                    raise
                except OSError as error:
                    failed[video_id] = f"cannot be read: {error.strerror or error}"
                except UserError as error:
                    failed[video_id] = str(error)
        finally:
            pool.shutdown(cancel_futures=True)
        return done, failed

    def sources(
        self, videos: Iterable[Video], digests: dict[str, str]
    ) -> list[tuple[str, str, Any]]:
        """(video id, key of what it comes from, request) of each video that has a digest."""
        return [
            (v.video_id, digests[v.video_id] + self.said(v), self.request(v))
            for v in videos
            if v.video_id in digests
        ]


def of_videos(source: Source, decode: Decode) -> Reader:
    """Video files: any source but imported features."""
    settings = {
        "decoder": decode.decoder,
        "salvage": decode.salvage,
        "libraries": installed("av", "decord"),
    }
    return Reader(
        request=lambda video: video.path,
        digest=sha256_of,
        recipe=pieces.Recipe("probe", probe.VERSION, settings),
        make=partial(probe.Probe, decode),
    )


def of_features(source: FeaturesSource, decode: Decode) -> Reader:
    """Files of features; a probe depends on the table's `n_frames` and `fps` too."""
    settings = {"frames_per_feature": source.frames_per_feature, "fps": source.fps}
    return Reader(
        request=_feature_request,
        digest=partial(imported.digest, source),
        recipe=pieces.Recipe("probe", imported.PROBE_VERSION, settings),
        make=partial(imported.Probe, source),
        said=lambda video: f" n_frames {video.n_frames} fps {video.fps}",
    )


def _feature_request(video: Video) -> imported.Request:
    return imported.Request(video.path, video.video_id, video.n_frames, video.fps)
