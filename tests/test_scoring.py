"""Trained heads on a split, from their folders."""

from pathlib import Path

import pytest
import torch

from pipeline import checkpoint, scoring
from pipeline.checkpoint import ModelConfig
from pipeline.config import BaseHead, RefineVadHead
from pipeline.errors import UserError
from pipeline.models.head import Head
from pipeline.training import fit, predict, weights_of
from tests.models.toy import FEATURES, LAYOUT, TRAIN, base, make, perturb, refinevad, toy_videos

CPU = torch.device("cpu")
TEST = toy_videos(6, seed=2, split="test")
NAMES = ("base", "refinevad")
ENCODERS = {"image": {"clip": {"model": "tiny"}}, "text": {"caption": {"backend": "rules"}}}


def trained(folder: Path, settings: BaseHead | RefineVadHead, *names: str) -> dict[str, Head]:
    """A head of one epoch, saved under each name with other weights; the heads by name."""
    videos = toy_videos(12, seed=1)
    head = make(settings)
    short = TRAIN.model_copy(update={"epochs": 1})
    fit(head, videos.features, videos.targets, short, seed=0, device=CPU)
    config = ModelConfig(
        head=NAMES[isinstance(settings, RefineVadHead)],
        seed=0,
        dataset="toy",
        features=FEATURES.model_dump(),
        settings=settings.model_dump(),
        train=short.model_dump(),
        widths=LAYOUT.widths,
        categories=LAYOUT.categories,
        n_snippets=LAYOUT.n_snippets,
        decode={},
        encoders=ENCODERS,
    )
    checkpoint.save_config(folder, config)
    heads = {}
    for number, name in enumerate(names):
        perturb(head, seed=number)
        checkpoint.save_weights(folder, name, weights_of(head))
        heads[name] = make(settings)
        heads[name].load_state_dict(weights_of(head))
    return heads


def test_every_saved_checkpoint_scores_the_videos(tmp_path: Path) -> None:
    names = ("best_on_test", "last")
    heads = {
        ("base", 0): trained(tmp_path / "base", base(), *names),
        ("refinevad", 7): trained(tmp_path / "refinevad", refinevad(), "last"),
    }
    folders = {key: tmp_path / key[0] for key in heads}
    runs, without = scoring.score(folders, TEST, CPU, ENCODERS)
    assert without == {}
    assert [(run.model, run.seed, run.checkpoint) for run in runs] == [
        ("base", 0, "last"),
        ("base", 0, "best_on_test"),
        ("refinevad", 7, "last"),
    ]
    for run in runs:
        scores, probability = predict(
            heads[run.model, run.seed][run.checkpoint], TEST.features, CPU
        )
        assert run.scores.shape == (6, LAYOUT.n_snippets)
        assert run.scores.tolist() == scores.tolist()
        if probability is None:
            assert run.category_prob is None
        else:
            assert run.category_prob is not None
            assert run.category_prob.tolist() == probability.tolist()
    assert runs[0].scores.tolist() != runs[1].scores.tolist()
    assert runs[2].category_prob is not None


def test_a_head_that_was_not_trained_has_its_reason(tmp_path: Path) -> None:
    trained(tmp_path / "base", base(), "last")
    checkpoint.save_reason(tmp_path / "refinevad", "the train split has 3 normal videos alone")
    folders = {(name, 0): tmp_path / name for name in NAMES}
    runs, without = scoring.score(folders, TEST, CPU, ENCODERS)
    assert [run.model for run in runs] == ["base"]
    assert without == {"refinevad": "not trained: the train split has 3 normal videos alone"}


def test_without_videos_there_are_no_scores(tmp_path: Path) -> None:
    trained(tmp_path / "base", base(), "last")
    checkpoint.save_reason(tmp_path / "refinevad", "nothing to learn")
    folders = {(name, 0): tmp_path / name for name in NAMES}
    assert scoring.score(folders, toy_videos(0, seed=0), CPU, ENCODERS) == (
        [],
        {"base": "there is no usable test video", "refinevad": "not trained: nothing to learn"},
    )


def test_a_folder_without_weights_or_reason_is_an_error(tmp_path: Path) -> None:
    trained(tmp_path, base())  # its config alone
    with pytest.raises(UserError, match=r"last\.safetensors does not exist; `dvc repro train`"):
        scoring.score({("base", 0): tmp_path}, TEST, CPU, ENCODERS)


@pytest.mark.parametrize("other", [{"caption": {"backend": "endpoint"}}, {}])
def test_a_head_trained_on_other_captions_is_not_run(
    tmp_path: Path, other: dict[str, object]
) -> None:
    trained(tmp_path / "base", base(), "last")
    with pytest.raises(UserError) as caught:
        scoring.score({("base", 0): tmp_path / "base"}, TEST, CPU, ENCODERS | {"text": other})
    assert f"{tmp_path / 'base'} was trained on features of other encoders" in str(caught.value)
    assert 'text.caption.backend: "rules" there' in str(caught.value)


def test_encoders_of_a_modality_the_head_does_not_see_do_not_matter(tmp_path: Path) -> None:
    trained(tmp_path / "base", base(), "last")
    more = ENCODERS | {"sound": {"model": "x"}}
    assert scoring.score({("base", 0): tmp_path / "base"}, TEST, CPU, more)[1] == {}
