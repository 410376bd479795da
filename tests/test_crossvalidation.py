"""Cross-validation: no video is scored by a head that saw it; metrics by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline import crossvalidation, score_table, tables, trials
from pipeline.config import Crossvalidate, Runtime, Variant
from pipeline.crossvalidation import Plan, Run, summary
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from pipeline.models.head import FeatureLayout
from tests.models.toy import TRAIN, toy_videos
from tests.runtime import RUNTIME
from tests.trying import FULL, PLAIN, in_this_process


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def settings(**changes: Any) -> Crossvalidate:
    values = {"datasets": [], "reference": None, "rows": {}, "folds": 4, "near_duplicates": None}
    return Crossvalidate.model_validate(values | changes)


def numbered(categories: list[list[str]]) -> VideoFeatures:
    """Videos whose every feature is their number."""
    count = len(categories)
    layout = FeatureLayout({"image": 1}, ["Fire", "Panic"], 16)
    features = torch.arange(count, dtype=torch.float32)[:, None, None].expand(count, 16, 1)
    labels = torch.tensor(
        [[float(name in own) for name in layout.categories] for own in categories]
    )
    rows = [
        {"video_id": f"v{i}", "n_frames": 160, "categories": own, "events": []}
        for i, own in enumerate(categories)
    ]
    return VideoFeatures(features.clone(), labels, rows, layout)


TWELVE = [[], ["Fire"], [], ["Panic"]] * 3
LASTING = replace(FULL, train=TRAIN.model_copy(update={"patience": 3}))


def test_no_video_is_scored_by_a_head_that_saw_it() -> None:
    plan = crossvalidation.plan(numbered(TWELVE), settings())
    wanted = crossvalidation.trials(plan, [FULL, PLAIN], [3, 5])
    assert [(trial.variant.name, trial.seed) for trial in wanted] == [
        (name, seed) for name in ("all", "plain") for seed in (3, 5) for _ in range(4)
    ]
    for number, trial in enumerate(wanted):
        held_out = np.flatnonzero(plan.fold == number % 4).tolist()
        assert list(trial.test) == held_out
        assert sorted((*trial.train, *trial.test)) == list(range(12))
        assert not trial.validation
        assert not trial.watched


def test_all_epochs_are_trained_where_no_split_can_say_when_to_stop() -> None:
    plan = crossvalidation.plan(numbered(TWELVE), settings())
    (trial, *_) = crossvalidation.trials(plan, [LASTING], [0])
    assert LASTING.train.patience == 3
    assert trial.variant.train == LASTING.train.model_copy(update={"patience": None})
    assert trial.variant.settings == LASTING.settings


def test_scores_of_the_folds_are_joined_by_video() -> None:
    """Each fold scores its videos by their number; a bag score is the mean of the highest two."""
    videos = numbered(TWELVE)
    plan = crossvalidation.plan(videos, settings())
    tried = []
    for trial in crossvalidation.trials(plan, [PLAIN], [3, 5]):
        scores = np.zeros((len(trial.test), 16))
        scores[:, 7] = [(number + trial.seed) / 50 for number in trial.test]
        scores[:, 9] = [number / 100 for number in trial.test]
        tried.append((trial, score_table.Run("plain", trial.seed, "last", scores, None)))
    first, second = crossvalidation.joined(tried, videos)
    assert (first.model, first.seed, second.seed) == ("plain", 3, 5)
    number = np.arange(12)
    np.testing.assert_allclose(first.scores, ((number + 3) / 50 + number / 100) / 2)
    np.testing.assert_allclose(second.scores, ((number + 5) / 50 + number / 100) / 2)


def out_of_fold(variant: Variant, videos: VideoFeatures, plan: Plan, runtime: Runtime) -> Run:
    wanted = crossvalidation.trials(plan, [variant], [0])
    tried = [found for (found,) in trials.run(wanted, lambda: videos, runtime)]
    (run,) = crossvalidation.joined(list(zip(wanted, tried, strict=True)), videos)
    return run


@pytest.mark.parametrize("variant", [PLAIN, FULL], ids=["base", "refinevad"])
def test_heads_score_unseen_videos_well_where_there_is_something_to_learn(
    variant: Variant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_this_process(monkeypatch)
    runtime = RUNTIME.model_copy(update={"store": str(tmp_path)})
    longer = replace(variant, train=TRAIN)
    videos = toy_videos(72, seed=1)
    plan = crossvalidation.plan(videos, settings(folds=3))
    run = out_of_fold(longer, videos, plan, runtime)
    assert summary([run], plan, 0)["models"][run.model]["video_auc"]["mean"] > 0.9
    opposite = videos.labels.roll(1, dims=0)  # normal and abnormal videos take turns
    wrong = VideoFeatures(videos.features, opposite, videos.rows, videos.layout)
    run = out_of_fold(longer, wrong, plan, runtime)
    assert summary([run], plan, 0)["models"][run.model]["video_auc"]["mean"] < 0.6


def test_a_plan_keeps_near_duplicates_together() -> None:
    generator = torch.Generator().manual_seed(0)
    videos = numbered([[], ["Fire", "Panic"], ["Panic"], [], ["Fire"], ["Panic"], [], ["Fire"]])
    features = torch.randn(8, 16, 40, generator=generator) + torch.randn(8, 1, 40)
    features[6] = features[1] + 0.01
    videos = VideoFeatures(features, videos.labels, videos.rows, videos.layout)
    plan = crossvalidation.plan(videos, settings(folds=2, near_duplicates=0.9))
    assert plan.duplicates == [["v1", "v6"]]
    assert plan.fold[1] == plan.fold[6]
    assert plan.abnormal.tolist() == [False, True, True, False, True, True, False, True]
    alone = crossvalidation.plan(videos, settings(folds=2))
    assert alone.duplicates == []


def test_folds_are_stratified_by_first_category() -> None:
    strata = [[], ["Fire", "Panic"], ["Panic", "Fire"]]
    plan = crossvalidation.plan(numbered(strata * 12), settings(folds=4))
    for stratum in range(3):
        assert np.bincount(plan.fold[stratum::3]).tolist() == [3, 3, 3, 3]


@pytest.mark.parametrize(
    ("categories", "reason"),
    [
        ([[], [], [], []], "0 of 2 training videos are abnormal"),
        ([["Fire"], ["Fire"], ["Panic"], ["Panic"]], "2 of 2 training videos are abnormal"),
        ([["Fire"], [], [], [], []], "beside fold . of 2, 0 of . .*lower crossvalidate.folds"),
    ],
)
def test_a_fold_that_leaves_one_kind_of_video_is_an_error(
    categories: list[list[str]], reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        crossvalidation.plan(numbered(categories), settings(folds=2))


PLAN = Plan(
    ["a", "b", "c", "d", "e"],
    np.array([False, True, False, True, True]),
    np.array([0, 0, 1, 1, 2]),
    np.array([0, 1, 2, 1, 4]),
)
FIRST = np.array([0.1, 0.9, 0.5, 0.4, 0.6])  # of 6 pairs 5 in order: d < c
SECOND = np.array([0.3, 0.2, 0.1, 0.4, 0.5])  # b < a


def test_metrics_by_hand() -> None:
    runs = [Run("x", 0, FIRST), Run("x", 1, SECOND), Run("y", 0, 1 - FIRST)]
    found = summary(runs, PLAN, 0)
    assert (found["n_videos"], found["n_abnormal"], found["folds"]) == (5, 3, [2, 2, 1])
    assert found["near_duplicates"] == [["b", "d"]]
    auc = found["models"]["x"]["video_auc"]
    assert auc["per_seed"] == pytest.approx([5 / 6, 5 / 6])
    assert (auc["mean"], auc["std"]) == pytest.approx((5 / 6, 0))
    assert auc["per_fold"] == [[1.0, 0.0, None], [0.0, 1.0, None]]
    ap = found["models"]["x"]["video_ap"]
    first, second = (1 + 1 + 3 / 4) / 3, (1 + 1 + 3 / 4) / 3  # ranked b e c d a; e d a b c
    assert ap["per_seed"] == pytest.approx([first, second])
    assert ap["per_fold"][0] == pytest.approx([1.0, 0.5, None])
    other = found["models"]["y"]["video_auc"]
    assert (other["mean"], other["std"]) == pytest.approx((1 / 6, 0))


def test_the_spread_is_over_seeds() -> None:
    third = np.array([0.5, 0.6, 0.7, 0.8, 0.4])  # of 6 pairs: b > a, d > a, d > c
    found = summary([Run("x", 0, FIRST), Run("x", 1, third)], PLAN, 0)["models"]["x"]["video_auc"]
    assert found["mean"] == pytest.approx((5 / 6 + 3 / 6) / 2)
    assert found["std"] == pytest.approx((2 / 6) / 2**0.5)


def test_differences_are_paired_by_seed_and_by_resample() -> None:
    other = np.array([0.2, 0.1, 0.6, 0.4, 0.5])  # of 6 pairs: d > a, e > a
    runs = [Run("x", 0, FIRST), Run("x", 1, SECOND), Run("y", 1, FIRST), Run("y", 0, other)]
    found = summary(runs, PLAN, 100, "y")
    assert "difference" not in found["models"]["y"]["video_auc"]
    ahead = found["models"]["x"]["video_auc"]["difference"]
    assert ahead["per_seed"] == pytest.approx([5 / 6 - 2 / 6, 5 / 6 - 5 / 6])
    assert ahead["mean"] == pytest.approx(1 / 4)
    alone = summary([Run("x", 0, FIRST), Run("y", 0, FIRST)], PLAN, 100, "y")
    assert alone["models"]["x"]["video_auc"]["difference"]["interval"] == [0, 0]
    text = crossvalidation.as_text(found)
    low, high = ahead["interval"]
    assert "minus y" in text
    assert f"+0.250 [{low:+.3f}, {high:+.3f}]" in text
    assert "minus" not in crossvalidation.as_text(summary(runs, PLAN, 100))


def test_every_score_is_kept() -> None:
    table = crossvalidation.scores_table([Run("x", 0, FIRST), Run("y", 7, SECOND)], PLAN)
    tables.check(table, tables.FOLD_SCORES, "scores")
    rows = table.to_pylist()
    assert len(rows) == 10
    assert rows[1] == {
        "model": "x", "seed": 0, "fold": 0, "video_id": "b", "abnormal": True, "score": 0.9,
    }  # fmt: skip
    assert rows[7] == {
        "model": "y", "seed": 7, "fold": 1, "video_id": "c", "abnormal": False, "score": 0.1,
    }  # fmt: skip


def test_the_terminal_shows_every_head_and_what_it_rests_on() -> None:
    text = crossvalidation.as_text(summary([Run("x", 0, FIRST)], PLAN, 0))
    assert "0.833" in text
    assert "±" not in text  # of one seed
    two = summary([Run("x", 0, FIRST), Run("x", 1, FIRST)], PLAN, 0)
    assert "0.833 ± 0.000" in crossvalidation.as_text(two)
    assert "interval" not in text
    found = summary([Run("x", 0, FIRST)], PLAN, 200)
    low, high = found["models"]["x"]["video_auc"]["interval"]
    assert 0 <= low < 5 / 6 < high <= 1
    assert f"{low:.3f} to {high:.3f}" in crossvalidation.as_text(found)
    assert "5 training videos (3 abnormal) in 3 folds; 2 of them in 1 groups" in text
