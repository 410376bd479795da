"""CORE: category weights by hand, and the whole module against a plain loop."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.config import Core as Settings
from pipeline.models.core import Core, category_probability, category_weights
from tests.models.toy import REFINEVAD, multi_hot, normal

WIDTH, C, T = 8, 3, 5
INJECTIONS = ("broadcast", "gated")
CLASSIFICATIONS = ("soft", "top")


def make(**changes: Any) -> Core:
    """A core whose injection, if it has any, does not start at zero."""
    torch.manual_seed(0)
    settings = Settings.model_validate({**REFINEVAD["core"], **changes})
    core = Core(width=WIDTH, n_categories=C, settings=settings).eval()
    with torch.no_grad():
        core.classifier.weight.mul_(4)
        if core.attention is None:
            return core
        core.attention.out_proj.weight.copy_(normal(WIDTH, WIDTH, seed=5))
        core.attention.out_proj.bias.copy_(normal(WIDTH, seed=6))
        core.attention.in_proj_bias.copy_(normal(3 * WIDTH, seed=7))
    return core


def force(core: Core, *abnormal: bool) -> None:
    """Makes each category certain, whatever the video."""
    with torch.no_grad():
        core.classifier.weight.zero_()
        core.classifier.bias.copy_(
            torch.tensor([v for found in abnormal for v in ((-4.0, 4.0) if found else (4.0, -4.0))])
        )


def test_probability_is_of_the_abnormal_side() -> None:
    logits = torch.tensor([[[0.0, math.log(3)], [2.0, 2.0]]])
    assert category_probability(logits)[0].tolist() == pytest.approx([0.75, 0.5])


def test_category_weights_by_hand() -> None:
    probability = torch.tensor([[0.9, 0.6, 0.2], [0.5, 0.5, 0.5], [0.1, 0.7, 0.4], [0.8, 0.8, 0.8]])
    high = math.exp(0.9) / (math.exp(0.9) + math.exp(0.6))
    expected = [[high, 1 - high, 0], [0, 0, 0], [0, 1, 0], [1 / 3, 1 / 3, 1 / 3]]
    found = category_weights(probability, 0.5)
    torch.testing.assert_close(found, torch.tensor(expected))
    assert found[0, 2] == 0
    assert found[1].tolist() == [0, 0, 0]  # not even a trace, and not a number nowhere


def test_top_weights_by_hand() -> None:
    """The most probable category alone, the first of several; none at or below the threshold."""
    table = [
        ([0.6, 0.9, 0.7], [0, 1, 0]),
        ([0.2, 0.4, 0.51], [0, 0, 1]),
        ([0.5, 0.5, 0.5], [0, 0, 0]),
        ([0.4, 0.1, 0.3], [0, 0, 0]),
        ([0.8, 0.8, 0.1], [1, 0, 0]),
        ([0.1, 0.8, 0.8], [0, 1, 0]),
    ]
    found = category_weights(torch.tensor([row for row, _ in table]), 0.5, top=True)
    assert found.tolist() == [expected for _, expected in table]


def plain_weights(probability: list[float], threshold: float, classification: str) -> list[float]:
    """Equation 6 for one video, over the most probable category alone for `top`."""
    kept = [c for c, p in enumerate(probability) if p > threshold]
    if classification == "top":
        kept = [c for c in kept if probability[c] == max(probability)][:1]
    total = sum(math.exp(probability[c]) for c in kept)
    return [math.exp(p) / total if c in kept else 0.0 for c, p in enumerate(probability)]


@pytest.mark.parametrize("classification", CLASSIFICATIONS)
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.95])
def test_rows_sum_to_one_or_are_empty(threshold: float, classification: str) -> None:
    probability = torch.rand(200, 4, generator=torch.Generator().manual_seed(0))
    found = category_weights(probability, threshold, top=classification == "top")
    for row, weights in zip(probability.tolist(), found.tolist(), strict=True):
        expected = plain_weights(row, threshold, classification)
        assert weights == pytest.approx(expected, abs=1e-6)
        some = any(p > threshold for p in row)
        assert sum(weights) == pytest.approx(1.0 if some else 0.0, abs=1e-6)
    assert found.any()


def plain_attention(core: Core, query: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
    """Multi-head attention of one query (H,) over snippets (T, H); mean weights over heads (T,)."""
    attention = core.attention
    q, k, v = (
        x @ weight.T + bias
        for x, weight, bias in zip(
            (query, context, context),
            attention.in_proj_weight.chunk(3),
            attention.in_proj_bias.chunk(3),
            strict=True,
        )
    )
    size = WIDTH // attention.heads
    attended, weights = [], []
    for head in range(attention.heads):
        part = slice(head * size, (head + 1) * size)
        exponents = [math.exp(float(q[part] @ k[t, part]) / math.sqrt(size)) for t in range(T)]
        share = torch.tensor([e / sum(exponents) for e in exponents], dtype=context.dtype)
        weights.append(share)
        attended.append(sum(share[t] * v[t, part] for t in range(T)))
    joined = torch.cat([torch.as_tensor(part) for part in attended])
    out = attention.out_proj
    return joined @ out.weight.T + out.bias, torch.stack(weights).mean(dim=0)


def plain_core(core: Core, context: Tensor, rough: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One video: refined (T, H), category logits (C, 2), weights (C,)."""
    settings = core.settings
    exponents = [math.exp(a / settings.pool_temperature) for a in rough.tolist()]
    video = sum((e / sum(exponents)) * context[t] for t, e in enumerate(exponents))
    flat = core.classifier.weight @ torch.as_tensor(video) + core.classifier.bias
    logits = torch.stack([flat[2 * c : 2 * c + 2] for c in range(C)])
    probability = [1 / (1 + math.exp(float(z[0] - z[1]))) for z in logits]
    shares = plain_weights(probability, settings.threshold, settings.classification)
    weights = torch.tensor(shares, dtype=context.dtype)
    injected = torch.zeros_like(context)
    if any(shares):
        query = sum(weights[c] * core.prototypes[c] for c in range(C))
        attended, gate = plain_attention(core, torch.as_tensor(query), context)
        for t in range(T):
            scale = 1.0 if settings.injection == "broadcast" else float(gate[t]) * T
            injected[t] = scale * attended
    rows = context + injected
    centred = rows - rows.mean(dim=-1, keepdim=True)
    refined = centred / (centred.pow(2).mean(dim=-1, keepdim=True) + core.norm.eps).sqrt()
    return refined * core.norm.weight + core.norm.bias, logits, weights


@pytest.mark.parametrize("injection", INJECTIONS)
@pytest.mark.parametrize("threshold", [0.2, 0.5])
@pytest.mark.parametrize("classification", CLASSIFICATIONS)
def test_core_against_a_loop(injection: str, threshold: float, classification: str) -> None:
    changes = {"threshold": threshold, "classification": classification}
    core = make(injection=injection, pool_temperature=0.7, **changes).double()
    context = normal(12, T, WIDTH, dtype=torch.float64)
    rough = 2 * normal(12, T, seed=1, dtype=torch.float64)
    with torch.no_grad():
        core.norm.weight.copy_(normal(WIDTH, seed=2))
        core.norm.bias.copy_(normal(WIDTH, seed=3))
        found = core(context, rough)
        for video in range(12):
            expected = plain_core(core, context[video], rough[video])
            for part, oracle in zip(found, expected, strict=True):
                torch.testing.assert_close(part[video], oracle)
    sizes = {int((row > 0).sum()) for row in found.weights}
    assert (0 in sizes) == (threshold == 0.5)  # also videos without a category were compared
    assert max(sizes) == 1 if classification == "top" else len(sizes) > 1


@pytest.mark.parametrize("injection", INJECTIONS)
@pytest.mark.parametrize("classification", CLASSIFICATIONS)
def test_nothing_is_injected_without_a_category(injection: str, classification: str) -> None:
    core = make(injection=injection, classification=classification)
    context, rough = normal(2, T, WIDTH), normal(2, T, seed=1)
    force(core, False, False, False)
    assert core(context, rough).refined.equal(core.norm(context))
    assert not core(context, rough).weights.any()
    force(core, False, True, False)
    refined = core(context, rough).refined
    assert ((refined - core.norm(context)).abs().amax(dim=-1) > 1e-3).all()


def test_one_video_without_a_category_beside_one_with() -> None:
    core = make()
    context, rough = normal(2, T, WIDTH), normal(2, T, seed=1)
    force(core, False, False, False)
    labels = multi_hot("000", "011")
    core.settings = core.settings.model_copy(update={"label_probability": 1.0})
    refined = core(context, rough, labels).refined
    assert refined[0].equal(core.norm(context)[0])
    assert not torch.allclose(refined[1], core.norm(context)[1], atol=1e-3)


@pytest.mark.parametrize("classification", CLASSIFICATIONS)
def test_without_injection_it_only_classifies(classification: str) -> None:
    with_injection = make(classification=classification, threshold=0.3)
    core = make(injection="none", classification=classification, threshold=0.3)
    core.load_state_dict(with_injection.state_dict(), strict=False)
    assert set(core.state_dict()) == {"classifier.weight", "classifier.bias"}
    context, rough = normal(4, T, WIDTH), normal(4, T, seed=1)
    found, expected = core(context, rough, multi_hot("001")), with_injection(context, rough)
    assert found.refined is context
    assert found.category_logits.equal(expected.category_logits)
    assert found.weights.equal(expected.weights)
    assert found.weights.any()


def test_untrained_core_injects_nothing() -> None:
    torch.manual_seed(0)
    core = Core(width=WIDTH, n_categories=C, settings=Settings(**REFINEVAD["core"]))
    force(core, True, True, True)
    context = normal(2, T, WIDTH)
    torch.testing.assert_close(core(context, normal(2, T)).refined, core.norm(context))


def test_broadcast_adds_one_vector_and_gated_scales_it_to_a_mean_of_one() -> None:
    context, rough = normal(1, T, WIDTH), normal(1, T, seed=1)
    added = {}
    for injection in INJECTIONS:
        core = make(injection=injection)
        force(core, True, False, False)
        core.norm = torch.nn.Identity()  # type: ignore[assignment]
        added[injection] = (core(context, rough).refined - context)[0].detach()  # (T, H)
    torch.testing.assert_close(added["broadcast"], added["broadcast"][:1].expand(T, -1))
    torch.testing.assert_close(added["gated"].mean(dim=0), added["broadcast"][0])
    gates = (added["gated"] / added["broadcast"])[:, 0]
    assert gates.std() > 1e-3


def test_true_label_joins_the_query_with_its_probability() -> None:
    context, rough = normal(400, T, WIDTH), normal(400, T, seed=1)
    labels = multi_hot("010").expand(400, -1)
    shares = {}
    for probability in (0.0, 0.5, 1.0):
        core = make(label_probability=probability)
        force(core, False, False, False)
        changed = (core(context, rough, labels).refined - core.norm(context)).abs() > 1e-3
        shares[probability] = float(changed.flatten(1).any(dim=1).float().mean())
    assert shares[0.0] == 0
    assert 0.4 < shares[0.5] < 0.6
    assert shares[1.0] == 1


def test_true_label_adds_the_mean_of_its_prototypes() -> None:
    """Predicting nothing with labels {a, b} asks what predicting a and b equally asks."""
    context, rough = normal(1, T, WIDTH), normal(1, T, seed=1)
    core = make(label_probability=1.0)
    force(core, False, False, False)
    told = core(context, rough, multi_hot("110")).refined
    force(core, True, True, False)
    torch.testing.assert_close(told, core(context, rough).refined)
    both = core(context, rough, multi_hot("110")).refined  # v + e_y: twice the query
    with torch.no_grad():
        core.prototypes.mul_(2)
    torch.testing.assert_close(both, core(context, rough).refined)


@pytest.mark.parametrize("injection", INJECTIONS)
@pytest.mark.parametrize("classification", CLASSIFICATIONS)
def test_permuting_categories_permutes_what_is_said_of_them_alone(
    injection: str, classification: str
) -> None:
    core = make(injection=injection, classification=classification, threshold=0.3)
    context, rough = normal(6, T, WIDTH), normal(6, T, seed=1)
    before = core(context, rough)
    order = [2, 0, 1]
    with torch.no_grad():
        core.prototypes.copy_(core.prototypes[order].clone())
        core.classifier.weight.copy_(core.classifier.weight.view(C, 2, -1)[order].flatten(0, 1))
        core.classifier.bias.copy_(core.classifier.bias.view(C, 2)[order].flatten())
    after = core(context, rough)
    torch.testing.assert_close(after.refined, before.refined)
    torch.testing.assert_close(after.category_logits, before.category_logits[:, order])
    torch.testing.assert_close(after.weights, before.weights[:, order])
    assert before.weights[:, order].ne(before.weights).any()


def test_gradients_reach_every_parameter_and_both_inputs() -> None:
    core = make(threshold=0.0)
    context = normal(3, T, WIDTH).requires_grad_()
    rough = normal(3, T, seed=1).requires_grad_()
    output = core(context, rough)
    upstream = normal(3, T, WIDTH, seed=2)
    ((output.refined * upstream).sum() + output.category_logits.square().sum()).backward()
    for name, value in [*core.named_parameters(), ("context", context), ("rough", rough)]:
        assert value.grad is not None, name
        assert value.grad.abs().max() > 1e-6, name
