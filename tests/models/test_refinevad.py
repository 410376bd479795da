"""The whole head: gradients everywhere, videos apart, losses weighed as told."""

from typing import cast

import pytest
import torch

from pipeline.config import BaseHead, Features, RefineVadHead
from pipeline.losses.category import balancing_weights, category_loss
from pipeline.losses.mil import mil_loss
from pipeline.models.head import Head
from pipeline.models.motar import EPSILON, motion_intensity
from pipeline.models.refinevad import RefineVad
from tests.models.toy import base, make, multi_hot, normal, perturb, refinevad

LABELS = multi_hot("000", "010", "000", "101", "100", "000")
VIDEOS = normal(6, 16, 10)


def ready(settings: BaseHead | RefineVadHead, *, seed: int = 0) -> Head:
    """A head that looks trained: random parameters, statistics and running averages; eval mode."""
    head = make(settings, seed=seed)
    perturb(head)
    head.fit_statistics(VIDEOS, LABELS)
    head.train()
    for shift in range(3):
        head.losses(VIDEOS + 0.2 * shift, LABELS)
    return head.eval()


def ready_refinevad(settings: RefineVadHead | None = None) -> RefineVad:
    return cast(RefineVad, ready(settings or refinevad()))


@pytest.mark.parametrize(
    "settings",
    [
        base(),
        base(scorer={"batch_norm": True}),
        refinevad(),
        refinevad(core={"injection": "gated", "threshold": 0.0}),
        refinevad(motar={"shift": "soft", "layers": 2, "per_modality": False}),
    ],
)
def test_a_video_scores_the_same_alone_and_among_others(settings: BaseHead | RefineVadHead) -> None:
    head = ready(settings)
    with torch.no_grad():
        together = head(VIDEOS)
        backwards = head(VIDEOS.flip(0))
        for video in range(len(VIDEOS)):
            alone = head(VIDEOS[video : video + 1])
            for batch, index in ((together, video), (backwards, -1 - video)):
                torch.testing.assert_close(
                    batch.logits[index], alone.logits[0], atol=1e-5, rtol=1e-5
                )
                if alone.category_prob is not None and batch.category_prob is not None:
                    torch.testing.assert_close(batch.category_prob[index], alone.category_prob[0])


def test_prediction_shapes_and_ranges() -> None:
    logits, category_prob = ready_refinevad()(VIDEOS)
    assert logits.shape == (6, 16)
    assert category_prob is not None
    assert category_prob.shape == (6, 3)
    assert ((category_prob > 0) & (category_prob < 1)).all()


def test_logits_are_the_same_scorer_on_refined_features() -> None:
    head = ready_refinevad()
    context = head.motar(head.input(VIDEOS))
    core = head.core(context, head.scorer(context))
    logits, category_prob = head(VIDEOS)
    torch.testing.assert_close(logits, head.scorer(core.refined))
    assert category_prob is not None
    torch.testing.assert_close(category_prob, core.category_logits.softmax(-1)[..., 1])
    assert not torch.allclose(logits, head.scorer(context), atol=1e-2)


@pytest.mark.parametrize("anchor", [True, False])
@pytest.mark.parametrize("injection", ["broadcast", "gated"])
@pytest.mark.parametrize("kind", ["bce", "hinge"])
def test_every_parameter_gets_a_gradient(anchor: bool, injection: str, kind: str) -> None:
    settings = refinevad(
        gmm={"anchor": anchor},
        core={"injection": injection, "threshold": 0.0},
        mil={"kind": kind},
    )
    head = ready(settings)  # in training, batch norm cancels the bias before it
    torch.autograd.backward(sum(head.losses(VIDEOS, LABELS).values(), torch.zeros(())))
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 1e-8, name


def test_one_step_wakes_the_branches_that_start_at_zero() -> None:
    head = make(refinevad(core={"threshold": 0.0}))
    head.fit_statistics(VIDEOS, LABELS)
    optimiser = torch.optim.SGD(head.parameters(), lr=0.1)
    asleep = []
    for _ in range(3):
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(sum(head.losses(VIDEOS, LABELS).values(), torch.zeros(())))
        gradients = {name: p.grad for name, p in head.named_parameters()}
        asleep.append({n for n, g in gradients.items() if g is None or not (g != 0).any()})
        optimiser.step()
    # Each stands behind a layer at zero: attention behind out_proj, the Gaussians' hidden layer
    # and norms behind its last.
    assert "motar.layers.0.self_attn.in_proj_weight" in asleep[0]
    assert "core.attention.in_proj_weight" in asleep[0]
    assert "gmm.offsets.0.weight" in asleep[0]
    assert asleep[2] == set()


def test_losses_are_the_weighted_terms() -> None:
    settings = refinevad(
        mil={"kind": "hinge", "top_k": 3, "margin": 0.8},
        gmm={"weight": 0.3},
        category={"weight": 0.7},
        core={"label_probability": 1.0},
    )
    head = ready_refinevad(settings)
    losses = head.losses(VIDEOS, LABELS)
    context, core, logits = head.parts(VIDEOS, LABELS)
    abnormal = LABELS.any(dim=1)
    gmm = head.gmm(logits, context, core.weights, head.core.prototypes, LABELS)
    category = category_loss(core.category_logits, LABELS, balancing_weights(LABELS))
    assert list(losses) == ["mil", "gmm", "category"]
    hinge = mil_loss(logits, abnormal, kind="hinge", top_k=3, margin=0.8)
    torch.testing.assert_close(losses["mil"], hinge)
    torch.testing.assert_close(losses["gmm"], 0.3 * gmm)
    torch.testing.assert_close(losses["category"], 0.7 * category)


def test_losses_show_the_head_the_labels_and_predictions_do_not() -> None:
    always = ready_refinevad(refinevad(core={"label_probability": 1.0}))
    with torch.no_grad():
        always.core.classifier.weight.zero_()
        always.core.classifier.bias.copy_(torch.tensor([3.0, -3.0] * 3))  # predicts nothing
    told, untold = always.parts(VIDEOS, LABELS).logits, always(VIDEOS).logits
    abnormal = LABELS.any(dim=1)
    assert told[~abnormal].equal(untold[~abnormal])
    assert ((told - untold)[abnormal].abs().amax(dim=1) > 1e-4).all()
    mil = always.losses(VIDEOS, LABELS)["mil"]
    torch.testing.assert_close(mil, mil_loss(told, abnormal))


def test_statistics_come_from_the_training_features_in_order() -> None:
    head = cast(RefineVad, make(refinevad()))
    head.fit_statistics(VIDEOS, LABELS)
    torch.testing.assert_close(head.input.mean, VIDEOS.mean(dim=(0, 1)))
    motion = motion_intensity(head.input(VIDEOS))[:, 1:].add(EPSILON).log()  # of the input as used
    torch.testing.assert_close(head.motar.ratio.mean, motion.mean())
    torch.testing.assert_close(head.motar.ratio.deviation, motion.std())
    torch.testing.assert_close(head.target_weights, balancing_weights(LABELS))
    kept = {name: value.clone() for name, value in head.named_buffers()}
    head.eval()(5 + normal(3, 16, 10, seed=4))
    head.losses(5 + normal(6, 16, 10, seed=4), LABELS)
    assert all(value.equal(kept[name]) for name, value in head.named_buffers())


def test_categories_weigh_alike_without_balance() -> None:
    head = cast(RefineVad, make(refinevad(category={"balance": False})))
    head.fit_statistics(VIDEOS, LABELS)
    assert head.target_weights.tolist() == [[1, 1]] * 3


@pytest.mark.parametrize("injection", ["broadcast", "gated"])
def test_permuting_categories_leaves_scores(injection: str) -> None:
    head = ready_refinevad(refinevad(core={"injection": injection, "threshold": 0.3}))
    before = head(VIDEOS)
    order = [1, 2, 0]
    classifier = head.core.classifier
    with torch.no_grad():
        head.core.prototypes.copy_(head.core.prototypes[order].clone())
        classifier.weight.copy_(classifier.weight.view(3, 2, -1)[order].flatten(0, 1))
        classifier.bias.copy_(classifier.bias.view(3, 2)[order].flatten())
    after = head(VIDEOS)
    torch.testing.assert_close(after.logits, before.logits)
    assert after.category_prob is not None
    assert before.category_prob is not None
    torch.testing.assert_close(after.category_prob, before.category_prob[:, order])


def test_any_modality_widths() -> None:
    settings = Features(modalities=["image", "text"], center=False, normalise="none")
    head = make(refinevad(motar={"fold": 4, "edges": "replicate"}), features=settings)
    logits, _ = head.eval()(VIDEOS)
    assert torch.isfinite(logits).all()
