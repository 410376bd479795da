"""Every form of the heads: videos apart from one another, and parts left out really gone."""

from copy import deepcopy
from functools import cache
from itertools import product
from typing import Any, cast

import pytest
import torch

from pipeline.config import BaseHead, RefineVadHead
from pipeline.losses.mil import mil_loss
from pipeline.models.head import Head, Inputs
from pipeline.models.refinevad import RefineVad
from tests.models.toy import TARGETS, VIDEOS, base, make, normal, ready, refinevad

SHIFTS = ("none", "floor", "straight_through", "soft")
INJECTIONS = ("none", "broadcast", "gated")
CLASSIFICATIONS = ("soft", "top")
EVERYTHING_OFF: dict[str, Any] = {
    "motar": {"shift": "none", "layers": 0},
    "core": {"injection": "none"},
    "gmm": {"weight": 0.0},
    "category": {"weight": 0.0},
}
FORMS: dict[str, BaseHead | RefineVadHead] = {
    "base": base(),
    "base, batch norm": base(scorer={"batch_norm": True}),
    "base, hinge": base(mil={"kind": "hinge"}),
    **{
        f"{shift}, {injection}, {classification}": refinevad(
            motar={"shift": shift},
            core={"injection": injection, "classification": classification},
        )
        for shift, injection, classification in product(SHIFTS, INJECTIONS, CLASSIFICATIONS)
    },
    "all categories": refinevad(core={"threshold": 0.0}),
    "hinge, literal smoothing": refinevad(mil={"kind": "hinge"}, gmm={"anchor": False}),
    "two layers, whole vector": refinevad(motar={"layers": 2, "per_modality": False}),
    "no layers": refinevad(motar={"layers": 0}),
    "no losses but MIL": refinevad(gmm={"weight": 0.0}, category={"weight": 0.0}),
    "no use of categories": refinevad(**{k: v for k, v in EVERYTHING_OFF.items() if k != "motar"}),
    "everything off": refinevad(**EVERYTHING_OFF),
}
every_form = pytest.mark.parametrize("form", FORMS)


@cache
def trained(form: str) -> Head:
    return ready(FORMS[form])


@every_form
def test_a_video_scores_the_same_alone_and_among_others(form: str) -> None:
    head = deepcopy(trained(form))
    with torch.no_grad():
        together, backwards = head(VIDEOS), head(VIDEOS.flip(0))
        beside_others = head(torch.cat([VIDEOS[:1], 9 * normal(5, 16, 10, seed=7)]))
        assert beside_others.logits[0].equal(together.logits[0])
        for video in range(len(VIDEOS)):
            alone = head(VIDEOS[video : video + 1])
            for batch, index in ((together, video), (backwards, -1 - video)):
                for found, expected in zip(batch, alone, strict=True):
                    if expected is not None:
                        torch.testing.assert_close(found[index], expected[0], atol=1e-5, rtol=1e-5)


@every_form
def test_inputs_prepared_in_portions_are_those_prepared_at_once(form: str) -> None:
    head = deepcopy(trained(form))
    whole = head.train().prepare(VIDEOS)
    assert not any(part.requires_grad for part in whole)
    portions: list[Inputs] = [head.eval().prepare(VIDEOS[i : i + 4]) for i in (0, 4)]
    for part, pieces in zip(whole, zip(*portions, strict=True), strict=True):
        assert part.shape[:2] == (6, 16)
        assert part.equal(torch.cat(pieces))
    found, expected = head.score(whole), head(VIDEOS)
    for one, other in zip(found, expected, strict=True):
        assert one is other or one.equal(other)


@every_form
def test_every_parameter_and_only_what_is_used_is_there(form: str) -> None:
    """Each one moves some loss: what the settings leave out has left no parameter behind."""
    head = deepcopy(trained(form))  # in training, batch norm cancels the bias before it
    core = getattr(head, "core", None)
    if core is not None:
        core.settings = core.settings.model_copy(update={"threshold": 0.0})
    terms = head.losses(head.prepare(VIDEOS), TARGETS)
    torch.autograd.backward(torch.stack(list(terms.values())).sum())
    for name, parameter in head.named_parameters():
        if "floor" in form and name.startswith("motar.ratio"):
            assert parameter.grad is None  # the paper to the letter
            continue
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 1e-9, name


def parts(head: Head) -> set[str]:
    """`core.attention` and the like: the first two names of each parameter and statistic."""
    return {".".join(name.split(".")[:2]) for name in head.state_dict()}


COMMON = {"input.mean", "target_weights", "motar.project", "motar.norm", "scorer.layers"}
MIXING = {"motar.ratio", "motar.position", "motar.layers"}
CLASSIFIER = {"core.classifier"}
INJECTING = {"core.prototypes", "core.attention", "core.norm"}
SMOOTHING = {"gmm.norm_mean", "gmm.norm_variance", "gmm.offsets"}
ANCHORING = {"gmm.query", "gmm.key"}


@pytest.mark.parametrize(
    ("changes", "expected", "terms"),
    [
        (
            {},
            COMMON | MIXING | CLASSIFIER | INJECTING | SMOOTHING | ANCHORING,
            ["mil", "gmm", "category"],
        ),
        (
            {"gmm": {"anchor": False}},
            COMMON | MIXING | CLASSIFIER | INJECTING | SMOOTHING,
            ["mil", "gmm", "category"],
        ),
        (
            {"gmm": {"weight": 0.0}},
            COMMON | MIXING | CLASSIFIER | INJECTING,
            ["mil", "category"],
        ),
        (
            {"category": {"weight": 0.0}, "gmm": {"weight": 0.0}},
            COMMON | MIXING | CLASSIFIER | INJECTING,
            ["mil"],
        ),
        (
            {"category": {"weight": 0.0}, "core": {"injection": "none"}},
            COMMON | MIXING | CLASSIFIER | {"core.prototypes"} | SMOOTHING | ANCHORING,
            ["mil", "gmm"],
        ),
        (
            {"gmm": {"weight": 0.0}, "core": {"injection": "none"}},
            COMMON | MIXING | CLASSIFIER,
            ["mil", "category"],
        ),
        (
            {**EVERYTHING_OFF, "motar": {"shift": "straight_through", "layers": 0}},
            COMMON | {"motar.ratio"},
            ["mil"],
        ),
        (EVERYTHING_OFF, COMMON, ["mil"]),
    ],
)
def test_parts_and_terms_left_out_are_not_there(
    changes: dict[str, Any], expected: set[str], terms: list[str]
) -> None:
    head = make(refinevad(**changes))
    assert parts(head) == expected
    assert list(head.losses(head.prepare(VIDEOS), TARGETS)) == terms


def test_with_everything_off_each_snippet_is_scored_by_itself_and_mil_remains() -> None:
    head = cast(RefineVad, ready(refinevad(**EVERYTHING_OFF)))
    logits, category_logits = head(VIDEOS)
    assert category_logits is None
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(head(VIDEOS[:, order]).logits, logits[:, order])
    rows = head.motar.project(head.input(VIDEOS).flatten(0, 1))  # (B T, H)
    expected = head.scorer.layers(head.motar.norm(rows)).view(6, 16)
    torch.testing.assert_close(logits, expected)
    losses = head.losses(head.prepare(VIDEOS), TARGETS)
    assert list(losses) == ["mil"]
    torch.testing.assert_close(losses["mil"], mil_loss(logits, TARGETS.abnormal))


@pytest.mark.parametrize("mixes", [{"motar": {"shift": "soft"}}, {"motar": {"layers": 1}}])
def test_with_a_part_on_a_snippet_is_not_scored_by_itself(mixes: dict[str, Any]) -> None:
    motar = {**EVERYTHING_OFF["motar"], **mixes["motar"]}
    head = ready(refinevad(**{**EVERYTHING_OFF, "motar": motar}))
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    moved = head(VIDEOS[:, order]).logits - head(VIDEOS).logits[:, order]
    assert moved.abs().max() > 1e-3


def test_without_injection_the_rough_scores_are_the_scores() -> None:
    head = cast(RefineVad, ready(refinevad(core={"injection": "none"})))
    context = head.motar(*head.prepare(VIDEOS))
    prediction = head(VIDEOS)
    assert prediction.logits.equal(head.scorer(context))
    assert prediction.category_logits is not None
    assert prediction.category_logits.shape == (6, 3, 2)
    seen = head.scorer.get_buffer("layers.1.num_batches_tracked")
    before = int(seen)
    head.train().losses(head.prepare(VIDEOS), TARGETS)
    assert int(seen) == before + 1  # scored once, not twice


@every_form
def test_a_video_gets_its_gradient_from_its_own_snippets(form: str) -> None:
    """In eval mode, where batch norm does not join the videos: other features of video 1 leave
    the gradient of every other video's features as it is. A wide margin keeps the hinge active.
    """
    head = cast(RefineVad, deepcopy(trained(form)))
    mil = head.settings.mil.model_copy(update={"margin": 2.0})
    head.settings = head.settings.model_copy(update={"mil": mil})
    if getattr(head, "core", None) is not None:  # told of every label, not of some at random
        core = head.core.settings.model_copy(update={"label_probability": 1.0})
        head.core.settings = core
    gradients = []
    for seed in (1, 2):
        videos = VIDEOS.clone()
        videos[1] = normal(16, 10, seed=seed)
        videos.requires_grad_()
        terms = head.losses(head.prepare(videos), TARGETS)
        (gradient,) = torch.autograd.grad(torch.stack(list(terms.values())).sum(), videos)
        gradients.append(gradient)
    others = [0, 2, 3, 4, 5]
    torch.testing.assert_close(gradients[0][others], gradients[1][others], atol=1e-7, rtol=1e-5)
    assert gradients[0][others].flatten(1).any(dim=1).all()
    assert (gradients[0][1] - gradients[1][1]).abs().max() > 1e-4
