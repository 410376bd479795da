"""The `internvideo` backend in its own interpreter, with a tiny model's remote code.

They run with the interpreter that `make internvideo` makes, or with that which the environment
variable INTERNVIDEO_PYTHON names.
"""

import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.encoders import torchvision_guard
from pipeline.encoders.captioners.internvideo import InternVideoCaptioner
from pipeline.encoders.captioners.snippets import Snippets
from pipeline.engine import SpoiledError
from tests.encoders.captioners.remote_model import SIDE, tiny_chat
from tests.encoders.captioners.remote_worker import (
    N_FRAMES,
    NEW_TOKENS,
    PROMPT,
    interpreter,
    runtime_of,
    settings_of,
    video_of,
)
from tests.encoders.pictures import jpeg

ORACLE = Path(__file__).parent / "remote_oracle.py"
SEEDS = (1, 2, 3, 4, 5)
WHITE = jpeg(np.full((60, 80, 3), 255, np.uint8))  # for which the model never has room


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_chat(tmp_path_factory.mktemp("models") / "batches")


@pytest.fixture(scope="module")
def captioner(model: Path) -> Iterator[InternVideoCaptioner]:
    """With batches of five snippets, in a process that has memory for three."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TINY_CHAT_ROOM", "3")
        built = InternVideoCaptioner(settings_of(model), runtime_of(interpreter(), 5))
    yield built
    built.worker.end()


@pytest.fixture(scope="module")
def asked(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Captions of SEEDS, asked for as the model's authors do, and the queries."""
    folder = tmp_path_factory.mktemp("oracle")
    chosen = [own[1::2] for own in video_of("v", SEEDS).images]  # the centres of four quarters
    frames = [[np.asarray(_resized(image)) for image in own] for own in chosen]
    np.save(folder / "frames.npy", np.stack(frames))
    command = [interpreter(), ORACLE, model, folder / "frames.npy", PROMPT, str(NEW_TOKENS)]
    said = subprocess.run(
        [*command, torchvision_guard.__file__],
        env=os.environ | {"HF_MODULES_CACHE": str(folder / "modules")},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def _resized(encoded: bytes) -> Image.Image:
    return Image.open(io.BytesIO(encoded)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def captions_of(captioner: InternVideoCaptioner, *videos: Snippets) -> list[Any]:
    found = dict(captioner(videos))
    return [found[position] for position in range(len(videos))]


def test_captions_are_those_of_the_official_way_one_by_one(
    captioner: InternVideoCaptioner, asked: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    assert captioner.described["by"] == "batch_chat"
    (captions,) = captions_of(captioner, video_of("v", SEEDS))
    assert captions == asked["captions"]
    assert len(set(captions)) == len(SEEDS)
    assert all(query.count("<img>") == N_FRAMES for query in asked["queries"])
    # What the model's code prints goes there too, is taken for no answer and not passed on.
    assert "a batch of 2" in captioner.worker.last_lines()
    told = "note: out of memory with 5 snippets at a time: going on with 2; "
    said, deadline = "", time.monotonic() + 30  # a thread of its own passes it on
    while not said.startswith(told) and time.monotonic() < deadline:
        said += capfd.readouterr().err
        time.sleep(0.02)
    assert said.startswith(told)


def test_several_videos_get_each_its_own_captions(
    captioner: InternVideoCaptioner, asked: dict[str, Any]
) -> None:
    videos = [video_of("a", SEEDS[2:]), video_of("b", SEEDS[:1])]
    assert captions_of(captioner, *videos) == [asked["captions"][2:], asked["captions"][:1]]
    left = sorted(path.name for path in captioner.exchange.folder.iterdir())
    assert left == ["lock", "modules", "settings.json"]  # what was answered is gone


def test_order_and_content_of_frames_count(
    captioner: InternVideoCaptioner, asked: dict[str, Any]
) -> None:
    video = video_of("v", SEEDS[:1])
    backwards = replace(video, images=[list(reversed(video.images[0]))])
    assert captions_of(captioner, backwards) != [asked["captions"][:1]]


def test_a_broken_frame_costs_its_video_alone(
    captioner: InternVideoCaptioner, asked: dict[str, Any]
) -> None:
    good = video_of("good", SEEDS[:3])
    images = [list(own) for own in good.images]
    images[1][3] = images[1][3][:700]  # its header is whole
    cut, text = replace(good, images=images), replace(good, images=[[b"text"] * 8])
    found = captions_of(captioner, good, cut, text, good)
    assert found[0] == found[3] == asked["captions"][:3]
    assert "truncated" in str(found[1])
    assert "`dvc repro -f decode` mends it" in str(found[1])
    assert "no JPEG" in str(found[2])


def test_no_room_for_one_snippet_costs_its_video(
    captioner: InternVideoCaptioner, asked: dict[str, Any]
) -> None:
    good = video_of("good", SEEDS[:1])
    found = captions_of(captioner, replace(good, images=[*good.images, [WHITE] * 8]), good)
    assert "not even one snippet fits" in str(found[0])
    assert found[1] == asked["captions"][:1]


def test_a_worker_that_is_killed_spoils_this_process(captioner: InternVideoCaptioner) -> None:
    """The last in this file: nothing comes from that worker any more."""

    def videos() -> Iterator[Snippets]:
        yield video_of("a", SEEDS)
        captioner.worker.process.send_signal(signal.SIGKILL)
        yield video_of("b", SEEDS)

    with pytest.raises(SpoiledError, match=r"ended \(Killed; out of memory\?\); it said last: "):
        list(captioner(videos()))
    assert not captioner.exchange.folder.exists()
    with pytest.raises(SpoiledError):
        list(captioner([video_of("c", SEEDS[:1])]))
