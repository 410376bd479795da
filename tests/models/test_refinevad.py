"""The whole head: gradients everywhere, losses weighed as told, statistics of training videos."""

from typing import cast

import pytest
import torch

from pipeline.config import Features, RefineVadHead
from pipeline.losses.category import balancing_weights, category_loss
from pipeline.losses.mil import mil_loss
from pipeline.models.motion import EPSILON, motion_intensity
from pipeline.models.refinevad import RefineVad
from tests.models.toy import LABELS, TARGETS, VIDEOS, make, normal, ready, refinevad


def ready_refinevad(settings: RefineVadHead | None = None) -> RefineVad:
    return cast(RefineVad, ready(settings or refinevad()))


def total_loss(head: RefineVad) -> torch.Tensor:
    terms = head.losses(head.prepare(VIDEOS), TARGETS)
    return torch.stack(list(terms.values())).sum()


def test_prediction_shapes_and_ranges() -> None:
    prediction = ready_refinevad()(VIDEOS)
    assert prediction.logits.shape == (6, 16)
    assert prediction.category_logits is not None
    assert prediction.category_logits.shape == (6, 3, 2)
    assert prediction.category_prob is not None
    assert ((prediction.category_prob > 0) & (prediction.category_prob < 1)).all()


def test_logits_are_the_same_scorer_on_refined_features() -> None:
    head = ready_refinevad()
    context = head.motar(*head.prepare(VIDEOS))
    core = head.core(context, head.scorer(context))
    prediction = head(VIDEOS)
    torch.testing.assert_close(prediction.logits, head.scorer(core.refined))
    torch.testing.assert_close(prediction.category_logits, core.category_logits)
    assert not torch.allclose(prediction.logits, head.scorer(context), atol=1e-2)


@pytest.mark.parametrize("anchor", [True, False])
@pytest.mark.parametrize("injection", ["broadcast", "gated"])
@pytest.mark.parametrize("kind", ["bce", "hinge"])
def test_every_parameter_gets_a_gradient(anchor: bool, injection: str, kind: str) -> None:
    settings = refinevad(
        gmm={"anchor": anchor},
        core={"injection": injection, "threshold": 0.0},
        mil={"kind": kind},
    )
    head = ready_refinevad(settings)  # in training, batch norm cancels the bias before it
    torch.autograd.backward(total_loss(head))
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 1e-8, name


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shift", ["floor", "straight_through", "soft"])
def test_only_floor_keeps_the_gradient_from_the_shift_predictor(shift: str, training: bool) -> None:
    """Through the whole head and all its losses; under `floor` there is no path at all."""
    head = ready_refinevad(refinevad(motar={"shift": shift})).train(training)
    assert head.motar.ratio is not None
    predictor = dict(head.motar.ratio.named_parameters())
    assert len(predictor) == 6
    gradients = torch.autograd.grad(
        total_loss(head), [*predictor.values(), head.motar.project.weight], allow_unused=True
    )
    for name, gradient in zip(predictor, gradients[:-1], strict=True):
        if shift == "floor":
            assert gradient is None, name
        else:
            assert gradient is not None, name
            assert gradient.abs().max() > 1e-8, name
    assert gradients[-1] is not None


def test_one_step_wakes_the_branches_that_start_at_zero() -> None:
    head = cast(RefineVad, make(refinevad(core={"threshold": 0.0})))
    head.fit_statistics(VIDEOS, TARGETS)
    optimiser = torch.optim.SGD(head.parameters(), lr=0.1)
    asleep = []
    for _ in range(3):
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(total_loss(head))
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
    inputs = head.prepare(VIDEOS)
    losses = head.losses(inputs, TARGETS)
    context, core, logits = head.parts(inputs, LABELS)
    gmm = head.gmm(logits, context, core.weights, head.core.prototypes, *TARGETS)
    rarity = balancing_weights(LABELS[:5])  # of the videos whose categories are known
    category = category_loss(core.category_logits, *TARGETS, rarity)
    assert list(losses) == ["mil", "gmm", "category"]
    hinge = mil_loss(logits, TARGETS.abnormal, kind="hinge", top_k=3, margin=0.8)
    torch.testing.assert_close(losses["mil"], hinge)
    torch.testing.assert_close(losses["gmm"], 0.3 * gmm)
    torch.testing.assert_close(losses["category"], 0.7 * category)


def test_losses_show_the_head_the_labels_and_predictions_do_not() -> None:
    always = ready_refinevad(refinevad(core={"label_probability": 1.0}))
    with torch.no_grad():
        always.core.classifier.weight.zero_()
        always.core.classifier.bias.copy_(torch.tensor([3.0, -3.0] * 3))  # predicts nothing
    inputs = always.prepare(VIDEOS)
    told, untold = always.parts(inputs, LABELS).logits, always(VIDEOS).logits
    known = LABELS.any(dim=1)
    assert told[~known].equal(untold[~known])
    assert ((told - untold)[known].abs().amax(dim=1) > 1e-4).all()
    mil = always.losses(inputs, TARGETS)["mil"]
    torch.testing.assert_close(mil, mil_loss(told, TARGETS.abnormal))


def test_statistics_come_from_the_training_features_in_order() -> None:
    head = cast(RefineVad, make(refinevad()))
    head.fit_statistics(VIDEOS, TARGETS)
    torch.testing.assert_close(head.input.mean, VIDEOS.mean(dim=(0, 1)))
    motion = motion_intensity(head.input(VIDEOS))[:, 1:].add(EPSILON).log()  # of the input as used
    torch.testing.assert_close(head.motar.ratio.mean, motion.mean())
    torch.testing.assert_close(head.motar.ratio.deviation, motion.std())
    torch.testing.assert_close(head.target_weights, balancing_weights(LABELS[:5]))
    assert not torch.allclose(head.target_weights, balancing_weights(LABELS), atol=1e-2)
    kept = {name: value.clone() for name, value in head.named_buffers()}
    others = 5 + normal(6, 16, 10, seed=4)
    head.eval()(others)
    head.losses(head.prepare(others), TARGETS)
    assert all(value.equal(kept[name]) for name, value in head.named_buffers())


def test_categories_weigh_alike_without_balance() -> None:
    head = cast(RefineVad, make(refinevad(category={"balance": False})))
    head.fit_statistics(VIDEOS, TARGETS)
    assert head.target_weights.tolist() == [[1, 1]] * 3


@pytest.mark.parametrize("injection", ["broadcast", "gated"])
@pytest.mark.parametrize("classification", ["soft", "top"])
def test_permuting_categories_leaves_scores(injection: str, classification: str) -> None:
    core = {"injection": injection, "classification": classification, "threshold": 0.3}
    head = ready_refinevad(refinevad(core=core))
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
    assert torch.isfinite(head.eval()(VIDEOS).logits).all()
