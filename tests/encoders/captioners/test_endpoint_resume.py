"""Captions as the stage makes them: a worker that is killed, a server that dies, a second run."""

import multiprocessing
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from pipeline import engine, pieces, tables
from pipeline.encoders.captioners.captioner import BACKENDS, SnippetCaptions, recipe
from pipeline.encoders.captioners.snippets import CaptionSource
from tests.encoders.captioners.server import digest
from tests.encoders.captioners.serving import Running, runtime, serving, settings
from tests.encoders.pictures import jpeg, noise, write_frames

VIDEOS = [f"v{number}" for number in range(6)]
SNIPPETS = 4


def images(number: int) -> Sequence[str]:
    """Digests of a video's snippets."""
    return [digest(jpeg(noise(10 * number + i))) for i in range(SNIPPETS)]


def compute(server: Running, folder: Path, **changes: int) -> tuple[pieces.Computed, pieces.Store]:
    store = pieces.Store(folder / "store", "caption", tables.CAPTION_PIECE)
    jobs = []
    for number, name in enumerate(VIDEOS):
        path = folder / f"{name}.parquet"
        if not path.exists():
            write_frames(path, [[10 * number + i] for i in range(SNIPPETS)])
        jobs.append(pieces.Job(name, recipe(settings()).key(name), CaptionSource(name, path)))
    backend, asking = BACKENDS["endpoint"], runtime(server.url, retries=0, **changes)
    computed = pieces.compute(
        jobs,
        partial(SnippetCaptions, settings(), asking),
        store,
        asking,
        workers=backend.workers,
        gpu=backend.on_gpu,
        together=backend.together(asking),
    )
    return computed, store


def n_pieces(folder: Path) -> int:
    return len([path for path in folder.rglob("store/**/*.parquet") if path.name[0] != "."])


def kill_worker(server: Running, folder: Path, waits_for: Sequence[str], kept: int) -> None:
    """As soon as it has asked about all of these, and the pieces before them are written."""
    while not set(waits_for) <= set(server.times_asked()) or n_pieces(folder) < kept:
        time.sleep(0.02)
    (worker,) = multiprocessing.active_children()
    worker.kill()
    server.trouble()


def check(computed: pieces.Computed, store: pieces.Store) -> None:
    """Every caption is that of its snippet."""
    assert [job.video_id for job in computed.done] == VIDEOS
    for number, job in enumerate(computed.done):
        captions = store.load(job.key)["caption"].to_pylist()
        assert captions == [f"{name} and 1 more" for name in images(number)]


def test_a_killed_worker_costs_the_video_that_it_had_in_hand(tmp_path: Path) -> None:
    with serving("--plain") as server:
        in_hand = images(2)
        server.trouble(only=in_hand, slow_s=30)
        killer = threading.Thread(target=kill_worker, args=(server, tmp_path, in_hand, 2))
        killer.start()
        check(*compute(server, tmp_path))
        killer.join()
        asked = server.times_asked()
        assert {name for name, times in asked.items() if times == 2} == set(in_hand)
        assert asked.total() == SNIPPETS * (len(VIDEOS) + 1)
        again, _ = compute(server, tmp_path)
        assert again.n_reused == len(VIDEOS)
        assert server.times_asked() == asked


def test_after_a_server_s_death_only_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    with serving("--plain") as server:
        server.trouble(dies_after=SNIPPETS * 2)
        with pytest.raises(engine.FatalError, match=r"cannot be reached|broke off"):
            compute(server, tmp_path, requests=1)  # else answers of all videos may be cut off
    kept = n_pieces(tmp_path)
    assert 1 <= kept <= 2
    with serving("--plain") as server:
        computed, store = compute(server, tmp_path)
        check(computed, store)
        assert computed.n_reused == kept
        assert server.times_asked().total() == SNIPPETS * (len(VIDEOS) - kept)
