"""A trained head written and read back."""

import json
from pathlib import Path

import pytest
import torch

from pipeline.checkpoint import (
    CHECKPOINTS,
    ModelConfig,
    load,
    save_config,
    save_reason,
    save_weights,
    saved,
    why_untrained,
)
from pipeline.config import BaseHead, RefineVadHead
from pipeline.errors import UserError
from pipeline.models.head import Head
from pipeline.training import predict, weights_of
from tests.models.toy import FEATURES, LAYOUT, base, make, perturb, refinevad, toy_videos

CPU = torch.device("cpu")
BOTH = pytest.mark.parametrize(
    "settings",
    [base(scorer={"batch_norm": True}), refinevad(core={"threshold": 0.0})],
    ids=["base", "refinevad"],
)


def config_of(settings: BaseHead | RefineVadHead) -> ModelConfig:
    return ModelConfig(
        head="base" if isinstance(settings, BaseHead) else "refinevad",
        seed=3,
        dataset="toy",
        features=FEATURES.model_dump(),
        settings=settings.model_dump(),
        train={"epochs": 2},
        widths=LAYOUT.widths,
        categories=LAYOUT.categories,
        n_snippets=LAYOUT.n_snippets,
        decode={"snippets": 4},
        encoders={"image": {"clip": {"model": "tiny"}}},
    )


def used(settings: BaseHead | RefineVadHead) -> Head:
    """A head whose parameters, statistics and running averages are all its own."""
    videos = toy_videos(8, seed=0)
    head = make(settings)
    perturb(head)
    head.fit_statistics(videos.features, videos.targets)
    head.train().losses(head.prepare(videos.features), videos.targets)
    return head


@BOTH
def test_round_trip_scores_the_same(settings: BaseHead | RefineVadHead, tmp_path: Path) -> None:
    head, videos = used(settings), toy_videos(6, seed=5)
    save_config(tmp_path, config_of(settings))
    save_weights(tmp_path, "last", weights_of(head))
    torch.manual_seed(77)
    loaded, config = load(tmp_path, "last")
    assert config == config_of(settings)
    assert config.layout == LAYOUT
    assert not loaded.training
    expected, found = predict(head, videos.features, CPU), predict(loaded, videos.features, CPU)
    assert found[0].equal(expected[0])
    if expected[1] is not None and found[1] is not None:
        assert found[1].equal(expected[1])
    assert (found[1] is None) == (expected[1] is None)


def test_checkpoints_are_kept_apart(tmp_path: Path) -> None:
    assert CHECKPOINTS == ("last", "best_on_validation", "best_on_test")
    head = used(base())
    save_config(tmp_path, config_of(base()))
    for checkpoint in ("best_on_test", "last"):
        save_weights(tmp_path, checkpoint, weights_of(head))
        perturb(head, seed=9)
    assert saved(tmp_path) == ["last", "best_on_test"]
    last, best = (load(tmp_path, checkpoint)[0] for checkpoint in saved(tmp_path))
    name = "project.1.weight"
    assert not last.get_parameter(name).equal(best.get_parameter(name))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"config.json", "last.safetensors", "best_on_test.safetensors"}


def test_a_reason_stands_in_place_of_weights(tmp_path: Path) -> None:
    assert why_untrained(tmp_path) is None
    save_reason(tmp_path / "new", 'no "normal" video')
    assert why_untrained(tmp_path / "new") == 'no "normal" video'
    assert saved(tmp_path / "new") == []


def test_config_is_plain_json(tmp_path: Path) -> None:
    save_config(tmp_path, config_of(refinevad()))
    written = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert written["head"] == "refinevad"
    assert written["widths"] == {"image": 6, "text": 4}
    assert written["settings"]["motar"]["shift"] == "straight_through"


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    save_config(tmp_path, config_of(base(width=4)))
    save_weights(tmp_path, "last", weights_of(used(base())))
    with pytest.raises(RuntimeError, match="size mismatch"):
        load(tmp_path, "last")


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"config\.json does not exist; `dvc repro train` writes it"
    ):
        load(tmp_path, "last")
    save_config(tmp_path, config_of(base()))
    with pytest.raises(UserError, match=r"last\.safetensors does not exist"):
        load(tmp_path, "last")
    save_weights(tmp_path, "last", weights_of(used(base())))
    load(tmp_path, "last")
    with pytest.raises(UserError, match=r"best_on_test\.safetensors does not exist"):
        load(tmp_path, "best_on_test")


def test_a_config_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    save_config(tmp_path, config_of(base()))
    save_weights(tmp_path, "last", weights_of(used(base())))
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    del config["decode"]
    path.write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"config\.json was written by another version.*'decode'"):
        load(tmp_path, "last")
