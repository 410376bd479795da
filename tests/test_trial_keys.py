"""Trials are found again by all that decides them and by nothing else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline import code_digest
from pipeline.config import Features
from pipeline.features import VideoFeatures
from pipeline.training import FrozenCore
from pipeline.trials import Trial
from pipeline.trials.keys import key_of
from tests.models.toy import FEATURES, LAYOUT, refinevad
from tests.trying import FULL, PLAIN, SHORT, load, trial

CPU = torch.device("cpu")


def key(own: Trial, videos: VideoFeatures, device: torch.device = CPU) -> str:
    return key_of((own,), videos, device)


CORE = FrozenCore(Path("elsewhere"), "digest", ("Fire",), ("core.",))
HINGE = replace(FULL, settings=refinevad(mil={"kind": "hinge"}))
CHANGES: dict[str, Callable[[Trial], Trial]] = {
    "settings": lambda t: replace(t, variant=HINGE),
    "head": lambda t: replace(t, variant=PLAIN),
    "features": lambda t: replace(
        t, variant=replace(FULL, features=FEATURES.model_copy(update={"center": False}))
    ),
    "modalities": lambda t: replace(
        t, variant=replace(FULL, features=FEATURES.model_copy(update={"modalities": ["text"]}))
    ),
    "train": lambda t: replace(
        t, variant=replace(FULL, train=SHORT.model_copy(update={"lr": 1e-4}))
    ),
    "seed": lambda t: replace(t, seed=1),
    "train videos": lambda t: replace(t, train=t.train[1:]),
    "their order": lambda t: replace(t, train=t.train[::-1]),
    "test videos": lambda t: replace(t, test=t.test[1:]),
    "validation videos": lambda t: replace(t, validation=()),
    "watched": lambda t: replace(t, watched=False),
    "core": lambda t: replace(t, core=CORE),
    "its digest": lambda t: replace(t, core=replace(CORE, digest="retrained")),
    "its categories": lambda t: replace(t, core=replace(CORE, categories=("Riot",))),
    "its parts": lambda t: replace(t, core=replace(CORE, parts=("core.classifier.",))),
}


def test_a_trial_is_another_with_anything_that_decides_it() -> None:
    videos = load()
    own = [trial(), *(change(trial()) for change in CHANGES.values())]
    assert len({key(each, videos) for each in own}) == 1 + len(CHANGES)
    elsewhere = replace(CORE, folder=Path("moved"))
    assert key(trial(core=elsewhere), videos) == key(trial(core=CORE), videos)


def test_a_trial_is_another_with_other_code_torch_or_kind_of_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    videos = load()
    found = [key(trial(), videos), key(trial(), videos, torch.device("cuda"))]
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "0.0")
        found.append(key(trial(), videos))
    monkeypatch.setattr(code_digest, "of_training", lambda: "edited")
    assert len({*found, key(trial(), videos)}) == 4


@pytest.mark.parametrize(("video", "kind"), [(0, "train"), (13, ""), (20, ""), (16, "absent")])
def test_a_trial_is_another_with_the_content_of_its_videos(video: int, kind: str) -> None:
    own = trial(test=trial().test[1:])  # without video 16
    before = key(own, load())
    brighter, longer, labelled, moved = (load() for _ in range(4))
    brighter.features[video, 3, 2] += 1
    longer.rows[video]["n_frames"] += 1
    labelled.labels[video, 0] += 1
    moved.rows[video]["split"] = "another"
    assert (key(own, brighter) != before) == (kind != "absent")
    assert (key(own, labelled) != before) == (kind != "absent")
    assert (key(own, longer) != before) == (kind == "")  # nobody is judged by a training video
    assert key(own, moved) == before


def test_a_trial_is_the_same_whatever_modalities_that_it_does_not_read_hold() -> None:
    only = FEATURES.model_copy(update={"modalities": ["image"]})
    own = trial(replace(FULL, features=only))
    said_otherwise = load()
    said_otherwise.features[..., LAYOUT.widths["image"] :] += 1
    assert key(own, said_otherwise) == key(own, load())
    assert key(trial(), said_otherwise) != key(trial(), load())


def test_a_name_decides_nothing_nor_does_a_modality_that_is_not_there() -> None:
    image, both = (load().only(["image"]), load())
    renamed = trial(replace(FULL, name="another"))
    assert key(renamed, both) == key(trial(), both)
    only = Features(modalities=["image"], center=True, normalise="l2")
    assert key(trial(replace(FULL, features=only)), image) == key(trial(), image)
