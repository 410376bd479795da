"""Cross-validation: no video is scored by a head that saw it; metrics by hand."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline import crossvalidation, tables
from pipeline.config import Crossvalidate
from pipeline.crossvalidation import Plan, Run, out_of_fold, summary
from pipeline.errors import UserError
from pipeline.features import VideoFeatures
from pipeline.models.head import FeatureLayout, Head, Prediction
from tests.models.toy import FEATURES, TRAIN, base, make, refinevad, toy_videos

CPU = torch.device("cpu")
SHORT = TRAIN.model_copy(update={"epochs": 1})


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def settings(**changes: Any) -> Crossvalidate:
    values = {"datasets": [], "folds": 4, "near_duplicates": None, **changes}
    return Crossvalidate.model_validate(values)


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


class Gossip(Head):
    """Knows whom it trained on: scores seen videos 1, unseen ones by their number below 0.5."""

    def __init__(self, trained: list[tuple[set[int], float]]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(()))
        self.seen: set[int] = set()
        trained.append((self.seen, float(self.weight.detach())))

    def forward(self, features: Tensor) -> Prediction:
        number = features[..., 0]
        seen = torch.tensor([int(first) in self.seen for first in number[:, 0]])
        scores = torch.where(seen[:, None], torch.ones(()), number / 200 + 0.01)
        return Prediction(torch.logit(scores, eps=1e-6), None)

    def losses(self, features: Tensor, labels: Tensor) -> dict[str, Tensor]:
        self.seen.update(int(number) for number in features[:, 0, 0])
        return {"mil": self.weight**2}


TWELVE = [[], ["Fire"], [], ["Panic"]] * 3


def test_no_video_is_scored_by_a_head_that_saw_it() -> None:
    videos = numbered(TWELVE)
    plan = crossvalidation.plan(videos, settings())
    trained: list[tuple[set[int], float]] = []
    scores = out_of_fold(videos, plan, partial(Gossip, trained), SHORT, seed=3, device=CPU)
    np.testing.assert_allclose(scores, np.arange(12) / 200 + 0.01, atol=1e-6)
    assert len(trained) == 4
    for fold, (seen, _) in enumerate(trained):
        assert seen == {i for i in range(12) if plan.fold[i] != fold}


def test_each_fold_starts_from_the_seed() -> None:
    videos = numbered(TWELVE)
    plan = crossvalidation.plan(videos, settings())
    trained: list[tuple[set[int], float]] = []
    for seed in (0, 0, 1):
        out_of_fold(videos, plan, partial(Gossip, trained), SHORT, seed=seed, device=CPU)
    starts = [start for _, start in trained]
    assert len(set(starts[:8])) == 1
    assert len(set(starts)) == 2


def test_batches_follow_the_seed() -> None:
    videos = toy_videos(24, seed=1)
    plan = crossvalidation.plan(videos, settings(folds=2))
    build = partial(make, base())  # the same start whatever the seed
    one, again, other = (
        out_of_fold(videos, plan, build, SHORT, seed=seed, device=CPU) for seed in (1, 1, 2)
    )
    assert (one == again).all()
    assert (one != other).any()


@pytest.mark.parametrize("head", [base(), refinevad()], ids=["base", "refinevad"])
def test_heads_score_unseen_videos_well_where_there_is_something_to_learn(head: Any) -> None:
    videos = toy_videos(72, seed=1)
    plan = crossvalidation.plan(videos, settings(folds=3))
    build = partial(make, head, features=FEATURES)
    run = Run("toy", 0, out_of_fold(videos, plan, build, TRAIN, seed=0, device=CPU))
    found = summary([run], plan, 0)
    assert found["models"]["toy"]["video_auc"]["mean"] > 0.9
    opposite = videos.labels.roll(1, dims=0)  # normal and abnormal videos take turns
    wrong = VideoFeatures(videos.features, opposite, videos.rows, videos.layout)
    run = Run("toy", 0, out_of_fold(wrong, plan, build, TRAIN, seed=0, device=CPU))
    assert summary([run], plan, 0)["models"]["toy"]["video_auc"]["mean"] < 0.6


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


def test_every_score_is_kept() -> None:
    table = crossvalidation.scores_table([Run("x", 0, FIRST), Run("y", 7, SECOND)], PLAN)
    tables.check(table, crossvalidation.SCORES, "scores")
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
    assert "0.833 ± 0.000" in text
    assert "interval" not in text
    found = summary([Run("x", 0, FIRST)], PLAN, 200)
    low, high = found["models"]["x"]["video_auc"]["interval"]
    assert 0 <= low < 5 / 6 < high <= 1
    assert f"{low:.3f} to {high:.3f}" in crossvalidation.as_text(found)
    assert "5 training videos (3 abnormal) in 3 folds; 2 of them in 1 groups" in text
