"""CORE of another head, put into a new one and kept to the last bit."""

from pathlib import Path

import pytest
import torch

from pipeline import checkpoint
from pipeline.checkpoint import ModelConfig
from pipeline.config import BaseHead, RefineVadHead, Variant
from pipeline.errors import UserError
from pipeline.training import FrozenCore, train_variant, weights_of
from tests.models.toy import FEATURES, LAYOUT, TRAIN, base, make, perturb, refinevad, toy_videos

CPU = torch.device("cpu")
OTHERS = ["Riot", "Fire"]  # the source's categories; Fire is the target's too


def source(folder: Path, settings: BaseHead | RefineVadHead) -> Path:
    """A saved head that speaks of other categories."""
    config = ModelConfig(
        head="refinevad" if isinstance(settings, RefineVadHead) else "base",
        seed=0,
        dataset="elsewhere",
        features=FEATURES.model_dump(),
        settings=settings.model_dump(),
        train=TRAIN.model_dump(),
        widths=LAYOUT.widths,
        categories=OTHERS,
        n_snippets=LAYOUT.n_snippets,
        decode={},
        encoders={},
    )
    torch.manual_seed(3)
    head = config.build()
    perturb(head)
    checkpoint.save_config(folder, config)
    checkpoint.save_weights(folder, "last", weights_of(head))
    return folder


def variant(settings: RefineVadHead) -> Variant:
    return Variant("refinevad", "refinevad", settings, FEATURES, TRAIN)


def found(folder: Path, what: str) -> FrozenCore:
    core = FrozenCore.of(folder, what)
    assert core is not None
    return core


@pytest.mark.parametrize(
    ("what", "parts"),
    [
        ("classifier_and_prototypes", ("core.classifier.", "core.prototypes")),
        ("core", ("core.",)),
    ],
)
def test_what_is_frozen_stays_and_the_rest_learns(
    what: str, parts: tuple[str, ...], tmp_path: Path
) -> None:
    core = found(source(tmp_path, refinevad()), what)
    videos = toy_videos(24, seed=1)
    head, _ = train_variant(variant(refinevad()), videos, {}, seed=0, device=CPU, core=core)
    theirs = weights_of(checkpoint.load(tmp_path, "last")[0])
    torch.manual_seed(0)
    fresh = weights_of(head.__class__(LAYOUT, FEATURES, refinevad()))  # type: ignore[call-arg]
    own = dict(head.named_parameters())
    assert any(name.startswith(parts) for name in own)
    for name, parameter in own.items():
        if name.startswith(parts):
            assert parameter.equal(theirs[name]), name
            assert not parameter.requires_grad
        else:
            assert parameter.requires_grad
            assert not parameter.equal(theirs[name]), name
            if fresh[name].shape == parameter.shape:
                assert not parameter.equal(fresh[name]), name
    prediction = head(videos.features)
    assert prediction.category_logits is not None
    assert prediction.category_logits.shape == (24, len(OTHERS), 2)


def test_the_targets_categories_are_not_seen(tmp_path: Path) -> None:
    core = found(source(tmp_path, refinevad()), "core")
    settings = variant(refinevad(core={"label_probability": 1.0}))
    weights = []
    for shift in (0, 1):
        videos = toy_videos(24, seed=1)
        videos.labels.copy_(videos.labels.roll(shift, dims=1))  # other categories, as abnormal
        head, _ = train_variant(settings, videos, {}, seed=0, device=CPU, core=core)
        weights.append(weights_of(head))
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])


def test_a_head_without_core_has_none(tmp_path: Path) -> None:
    assert FrozenCore.of(source(tmp_path, base()), "core") is None
    nothing = refinevad(core={"injection": "none"}, gmm={"weight": 0.0}, category={"weight": 0.0})
    assert FrozenCore.of(source(tmp_path / "off", nothing), "core") is None


def test_other_weights_have_another_digest(tmp_path: Path) -> None:
    first = found(source(tmp_path / "a", refinevad()), "core")
    assert found(source(tmp_path / "b", refinevad()), "core").digest == first.digest
    head = make(refinevad())
    checkpoint.save_weights(
        tmp_path / "b",
        "last",
        weights_of(checkpoint.load(tmp_path / "b", "last")[0])
        | {"core.prototypes": torch.zeros(len(OTHERS), head.settings.width)},
    )  # type: ignore[union-attr]
    assert found(tmp_path / "b", "core").digest != first.digest


def test_another_width_is_refused(tmp_path: Path) -> None:
    core = found(source(tmp_path, refinevad()), "core")
    wide = variant(refinevad(width=16))
    with pytest.raises(UserError, match=r"core\.\S+ \(.*has no place in a head of the present"):
        train_variant(wide, toy_videos(8, seed=0), {}, seed=0, device=CPU, core=core)
