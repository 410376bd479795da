"""Trials: each done once, resumed, side by side, and bit-exact."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline import trials
from pipeline.config import Features, Runtime, Variant
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from pipeline.score_table import Run
from pipeline.training import FrozenCore, Progress, fitting, predict, train_variant
from pipeline.trials import trainer
from tests.models.toy import base, refinevad
from tests.runtime import RUNTIME
from tests.training.test_frozen import source
from tests.trying import FULL, N_TRAIN, PLAIN, SHORT, in_this_process, load, trial

CPU = torch.device("cpu")
DROPPING = replace(FULL, settings=refinevad(motar={"dropout": 0.3}, scorer={"dropout": 0.3}))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """Trials in this process, in a store of their own."""
    in_this_process(monkeypatch)
    return RUNTIME.model_copy(update={"store": str(tmp_path / "store")})


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the variants that were really trained."""
    names: list[str] = []

    def noted(variant: Variant, *parts: Any, **how: Any) -> Any:
        names.append(variant.name)
        return train_variant(variant, *parts, **how)

    monkeypatch.setattr(trainer, "train_variant", noted)
    return names


def same(one: list[Run], two: list[Run]) -> bool:
    return [run.checkpoint for run in one] == [run.checkpoint for run in two] and all(
        np.array_equal(a.scores, b.scores)
        and (a.category_prob is None or np.array_equal(a.category_prob, b.category_prob))
        for a, b in zip(one, two, strict=True)
    )


def stored(runtime: Runtime) -> set[str]:
    return {path.stem for path in Path(runtime.store, "trials").rglob("*.parquet")}


def test_runs_are_those_of_training_by_hand(runtime: Runtime) -> None:
    videos = load()
    ((*found,),) = trials.run([trial(DROPPING, 3)], load, runtime)
    head, watcher = train_variant(
        DROPPING,
        videos.split("train"),
        {name: videos.split(name) for name in ("validation", "test")},
        seed=3,
        device=CPU,
    )
    names = ["last", "best_on_validation", "best_on_test"]
    assert [(run.model, run.seed, run.checkpoint) for run in found] == [
        ("all", 3, n) for n in names
    ]
    for run in found:
        if run.checkpoint != "last":
            head.load_state_dict(watcher.best_weights[run.checkpoint.removeprefix("best_on_")])
        scores, probability = predict(head, videos.split("test").features, CPU)
        assert np.array_equal(run.scores, scores.numpy())
        assert probability is not None
        assert run.category_prob is not None
        assert np.array_equal(run.category_prob, probability.numpy())


def test_runs_with_a_core_are_those_of_training_by_hand(runtime: Runtime, tmp_path: Path) -> None:
    core = FrozenCore.of(source(tmp_path / "source", refinevad()), "core")
    assert core is not None
    videos = load()
    (found, without) = trials.run([trial(FULL, core=core), trial(FULL)], load, runtime)
    splits = {name: videos.split(name) for name in ("validation", "test")}
    head, _ = train_variant(FULL, videos.split("train"), splits, seed=0, device=CPU, core=core)
    scores, probability = predict(head, splits["test"].features, CPU)
    assert probability is not None
    assert np.array_equal(found[0].scores, scores.numpy())
    assert found[0].category_prob is not None
    assert np.array_equal(found[0].category_prob, probability.numpy())
    assert found[0].category_prob.shape == (len(trial().test), len(core.categories))
    assert not np.array_equal(without[0].scores, scores.numpy())


def test_what_is_not_watched_has_the_last_epoch_alone(runtime: Runtime) -> None:
    own = trial(PLAIN, watched=False, validation=())
    (found,) = trials.run([own], load, runtime)
    assert [run.checkpoint for run in found] == ["last"]
    assert found[0].category_prob is None
    (watched,) = trials.run([trial(PLAIN)], load, runtime)
    assert np.array_equal(found[0].scores, watched[0].scores)  # watching changes nothing


def test_scores_stand_in_the_trial_s_order(runtime: Runtime) -> None:
    forth, back = trials.run([trial(PLAIN), trial(PLAIN, test=trial().test[::-1])], load, runtime)
    np.testing.assert_allclose(forth[0].scores, back[0].scores[::-1], atol=1e-6)


def test_a_variant_sees_its_modalities_alone(runtime: Runtime) -> None:
    text = replace(FULL, features=Features(modalities=["text"], center=True, normalise="l2"))
    (found,) = trials.run([trial(text)], load, runtime)

    def without_image() -> VideoFeatures:
        return load().only(["text"])

    (alone,) = trials.run([trial(text)], without_image, runtime)
    assert same(found, alone)
    with pytest.raises(UserError, match=r"'all' reads text features.*they have: image"):
        trials.run([trial(text)], lambda: load().only(["image"]), runtime)


def test_equal_trials_are_trained_once(runtime: Runtime, trained: list[str]) -> None:
    twin = replace(PLAIN, name="twin")
    one, two = trials.run([trial(PLAIN), trial(twin)], load, runtime)
    assert len(trained) == 1
    assert [run.model for run in two] == ["twin"] * len(one)
    assert same(one, two)
    trials.run([trial(PLAIN), trial(PLAIN, 1)], load, runtime)
    assert trained[1:] == ["plain"]


def test_failing_trials_are_named_and_the_others_kept(runtime: Runtime, trained: list[str]) -> None:
    normal = tuple(range(0, N_TRAIN, 2))
    bad = trial(replace(PLAIN, name="one kind"), train=normal)
    wanted = [bad, trial(PLAIN), replace(bad, seed=7)]
    with pytest.raises(UserError) as caught:
        trials.run(wanted, load, runtime)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("one kind, seed 0 (trial 0): UserError: training needs normal")
    assert lines[1].startswith("one kind, seed 7 (trial 2): ")
    assert len(stored(runtime)) == 1
    trials.run([trial(PLAIN)], load, runtime)
    assert trained.count("plain") == 1


def test_a_killed_experiment_goes_on_in_the_middle_of_a_trial(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SHORT.model_copy(update={"epochs": 5})
    wanted = [trial(PLAIN), trial(replace(DROPPING, train=settings))]
    whole = runtime.model_copy(update={"store": f"{runtime.store}-whole"})
    expected = trials.run(wanted, load, whole)
    epoch, epochs = fitting._epoch, [0]

    def killed_at_6(*parts: Any) -> dict[str, float]:
        epochs[0] += 1
        if epochs[0] == 6:  # two of `plain`, three of the other
            raise KeyboardInterrupt
        return epoch(*parts)

    monkeypatch.setattr(fitting, "_epoch", killed_at_6)
    monkeypatch.setattr(Progress.__init__, "__kwdefaults__", {"every_s": 0.0})
    with pytest.raises(KeyboardInterrupt):
        trials.run(wanted, load, runtime)
    assert len(stored(runtime)) == 1
    left = list(Path(runtime.store, "training").iterdir())
    assert len(left) == 1
    found = trials.run(wanted, load, runtime)
    assert epochs[0] == 6 + 2
    assert all(same(one, two) for one, two in zip(found, expected, strict=True))
    assert not left[0].exists()


def test_worker_processes_change_no_bit(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def noted(*parts: Any, **how: Any) -> Any:
        threads.append(torch.get_num_threads())
        return train_variant(*parts, **how)

    monkeypatch.setattr(trainer, "train_variant", noted)
    two = SHORT.model_copy(update={"threads": 2})
    trials.run([trial(replace(PLAIN, settings=base(width=4), train=two))], load, runtime)
    wanted = [trial(DROPPING), trial(DROPPING, 1), trial(PLAIN)]
    here = trials.run(wanted, load, runtime)
    assert threads == [2, 1, 1, 1]
    monkeypatch.undo()
    elsewhere = runtime.model_copy(update={"store": f"{runtime.store}-2", "timeout_s": 0.001})
    there = trials.run(wanted, load, elsewhere)  # a video's time limit is not a trial's
    assert all(same(one, two) for one, two in zip(here, there, strict=True))


def test_seeds_of_a_variant_on_the_same_videos_make_a_group() -> None:
    core = FrozenCore(Path("elsewhere"), "digest", ("Fire",), ("core.",))
    patient = replace(PLAIN, train=SHORT.model_copy(update={"patience": 1}))
    wanted = [
        trial(FULL, 0),
        trial(PLAIN, 0),
        trial(FULL, 1),
        trial(FULL, 2, test=(16,)),
        trial(replace(FULL, name="twin"), 1),
        trial(FULL, 3, watched=False),
        trial(patient, 0),
        trial(patient, 1),
        trial(FULL, 4, core=core),
        trial(FULL, 5, core=core),
    ]
    alone = [[number] for number in range(len(wanted))]
    assert trials.grouped(wanted, stack=False) == alone
    assert trials.grouped(wanted, stack=True) == [[0, 2, 4], [1], *alone[3:4], *alone[5:]]


def test_seeds_trained_at_once_score_as_alone(runtime: Runtime, trained: list[str]) -> None:
    still = replace(FULL, settings=refinevad(core={"label_probability": 0.0}))
    wanted = [trial(still, 0), trial(still, 3), trial(replace(still, name="twin"), 3)]
    together = trials.run(wanted, load, runtime, stack=True)
    assert trained == []
    assert len(stored(runtime)) == 1
    assert [(runs[0].model, runs[0].seed) for runs in together] == [
        ("all", 0),
        ("all", 3),
        ("twin", 3),
    ]
    alone = trials.run(wanted, load, runtime)
    assert len(stored(runtime)) == 3  # one by one they are other trials: bits differ
    for one, other in zip(together, alone, strict=True):
        assert [run.checkpoint for run in one] == [run.checkpoint for run in other]
        np.testing.assert_allclose(one[0].scores, other[0].scores, atol=1e-2)
    assert np.abs(together[0][0].scores - together[1][0].scores).max() > 0.01
    trials.run(wanted, load, runtime, stack=True)
    assert len(stored(runtime)) == 3
