"""Inputs and scores of many videos, whole or piece by piece."""

import pytest
import torch

from pipeline.config import BaseHead, RefineVadHead
from pipeline.models import refinevad
from pipeline.models.motion import log_motion
from pipeline.training import fit, predict, predict_prepared, prepare
from pipeline.training import predicting as module
from tests.models.toy import LAYOUT, base, make, toy_videos
from tests.training.runs import BOTH, CPU, DROPPING, SHORT


def test_predict_is_in_eval_mode_without_a_graph() -> None:
    videos = toy_videos(6, seed=0)
    head = make(DROPPING).train()
    scores, category_prob = predict(head, videos.features, CPU)
    assert not head.training
    assert not scores.requires_grad
    assert scores.shape == (6, LAYOUT.n_snippets)
    torch.testing.assert_close(scores, head(videos.features).logits.sigmoid())
    assert category_prob is not None
    assert category_prob.shape == (6, 3)
    assert predict(make(base()), videos.features, CPU)[1] is None


@BOTH
def test_pieces_make_the_whole(
    settings: BaseHead | RefineVadHead, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = toy_videos(23, seed=0)
    head = make(settings)
    fit(head, videos.features, videos.targets, SHORT, seed=0, device=CPU)
    inputs, scores = prepare(head, videos.features, CPU), predict(head, videos.features, CPU)
    monkeypatch.setattr(module, "VIDEOS_AT_A_TIME", 5)
    pieces = prepare(head, videos.features, CPU)
    assert [part.shape for part in pieces] == [part.shape for part in inputs]
    assert all(one.equal(two) for one, two in zip(inputs, pieces, strict=True))
    assert not any(part.requires_grad for part in pieces)
    again = predict(head, videos.features, CPU)
    torch.testing.assert_close(again[0], scores[0], rtol=1e-5, atol=1e-6)
    if scores[1] is not None:
        assert again[1] is not None
        torch.testing.assert_close(again[1], scores[1], rtol=1e-5, atol=1e-6)


def test_prepared_and_not_score_the_same() -> None:
    videos = toy_videos(7, seed=0)
    head = make(DROPPING)
    prediction = predict_prepared(head, prepare(head, videos.features, CPU))
    scores, category_prob = predict(head, videos.features, CPU)
    assert prediction.logits.sigmoid().equal(scores)
    assert prediction.category_prob is not None
    assert category_prob is not None
    assert prediction.category_prob.equal(category_prob)


@BOTH
def test_many_videos_are_as_all_at_once(
    settings: BaseHead | RefineVadHead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "VIDEOS_AT_A_TIME", 4)
    monkeypatch.setattr(refinevad, "VIDEOS_AT_A_TIME", 4)
    videos = toy_videos(23, seed=0)
    head = make(settings).eval()
    head.fit_statistics(videos.features, videos.targets)
    if isinstance(head, refinevad.RefineVad):
        motion = log_motion(head.input(videos.features))[:, 1:]
        assert head.motar.ratio is not None
        torch.testing.assert_close(head.motar.ratio.mean, motion.mean())
        torch.testing.assert_close(head.motar.ratio.deviation, motion.std())
    inputs, whole = prepare(head, videos.features, CPU), head.prepare(videos.features)
    assert all(one.equal(two) for one, two in zip(inputs, whole, strict=True))
    with torch.no_grad():
        expected = head(videos.features)
    scores, category_prob = predict(head, videos.features, CPU)
    torch.testing.assert_close(scores, expected.logits.sigmoid())
    assert (category_prob is None) == (expected.category_prob is None)
    if category_prob is not None:
        torch.testing.assert_close(category_prob, expected.category_prob)
