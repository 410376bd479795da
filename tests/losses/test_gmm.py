"""Gaussian-mixture smoothing against a loop written from the formulas, and what it must not do."""

import math

import pytest
import torch
from torch import Tensor

from pipeline.losses.gmm import GmmSmoothing, label_embedding, mixing_weights
from tests.models.toy import multi_hot, normal, perturb

B, T, C, H = 5, 6, 3, 5
LABELS = multi_hot("010", "000", "110", "001", "000").double()
ABNORMAL = torch.tensor([True, False, True, True, True])  # the last one in an unknown way
TARGETS = (ABNORMAL, LABELS)
LOGITS = 2 * normal(B, T, dtype=torch.float64)
SCALES = torch.tensor([0.03, 0.3, 1.0, 3.0, 5.0], dtype=torch.float64)  # of the channels
CONTEXT = SCALES * normal(B, T, H, seed=1, dtype=torch.float64)
PROTOTYPES = normal(C, H, seed=2, dtype=torch.float64)
WEIGHTS = torch.tensor(
    [[0.0, 0.0, 0.0], [0.2, 0.5, 0.3], [0.0, 0.4, 0.6], [1.0, 0.0, 0.0], [0.7, 0.0, 0.3]],
    dtype=torch.float64,
)
NORMAL = 1


def make(*, anchor: bool, fresh: bool = False) -> GmmSmoothing:
    """With random parameters; `fresh`: offsets at their zero start."""
    torch.manual_seed(0)
    gmm = GmmSmoothing(width=H, hidden=4, anchor=anchor).double()
    if not fresh:
        perturb(gmm, scale=0.5)
    return gmm


def plain_gaussian(
    gmm: GmmSmoothing, context: Tensor, embedding: Tensor, prototype: Tensor
) -> tuple[float, float]:
    """Mean and deviation of one category's Gaussian in one video, context (T, H)."""
    n_snippets = len(context)
    columns = context.T.tolist()
    means = [sum(column) / n_snippets for column in columns]
    variances = [
        sum((x - mean) ** 2 for x in column) / n_snippets
        for column, mean in zip(columns, means, strict=True)
    ]
    q = torch.tensor([math.log(v + 1e-6) for v in variances], dtype=context.dtype)
    parts = [
        gmm.norm_mean(torch.tensor(means, dtype=context.dtype)),
        gmm.norm_variance(q),
        embedding,
        prototype,
    ]
    shift, scale = gmm.offsets(torch.cat(parts)).tolist()
    if not gmm.anchor:
        share = 1 / (1 + math.exp(-scale))
        return 1 / (1 + math.exp(-shift)), (1 / n_snippets) ** (1 - share) * 0.5**share
    query = gmm.query(torch.cat([embedding, prototype]))
    exponents = [math.exp(float(query @ gmm.key(x)) / math.sqrt(32)) for x in context]
    attention = [e / sum(exponents) for e in exponents]
    times = [(t + 0.5) / n_snippets for t in range(n_snippets)]
    centre = sum(a * time for a, time in zip(attention, times, strict=True))
    variance = sum(a * (time - centre) ** 2 for a, time in zip(attention, times, strict=True))
    spread = math.sqrt(variance + 1e-6) * math.exp(math.tanh(scale))
    mean = min(max(centre + 0.25 * math.tanh(shift), 0.0), 1.0)
    return mean, min(max(spread, 1 / n_snippets), 0.5)


def plain_target(
    gmm: GmmSmoothing,
    logits: Tensor,
    context: Tensor,
    weights: Tensor,
    abnormal: Tensor,
    labels: Tensor,
) -> list[float]:
    """r_t of one video."""
    n_snippets = len(logits)
    n_labels = max(sum(labels.tolist()), 1)
    if not abnormal:
        return [0.0] * n_snippets
    mixed = [0.5 * w + 0.5 * y / n_labels for w, y in zip(weights, labels, strict=True)]
    mixed = [w / sum(mixed) for w in mixed]
    zero = torch.zeros(H, dtype=context.dtype)
    embedding = sum((w * e for w, e in zip(mixed, PROTOTYPES, strict=True)), zero)
    own = sum((y * e for y, e in zip(labels, PROTOTYPES, strict=True)), zero)
    embedding = embedding + own / n_labels
    mixture = [0.0] * n_snippets
    for c in range(C):
        mean, deviation = plain_gaussian(gmm, context, embedding, PROTOTYPES[c])
        for t in range(n_snippets):
            distance = (t + 0.5) / n_snippets - mean
            mixture[t] += float(mixed[c]) * math.exp(-(distance**2) / (2 * deviation**2))
    scores = sorted((1 / (1 + math.exp(-z)) for z in logits.tolist()), reverse=True)
    k = n_snippets // 16 + 1
    level = sum(scores[:k]) / k
    return [level * g / (max(mixture) + 1e-6) for g in mixture]


def all_targets(gmm: GmmSmoothing, logits: Tensor, context: Tensor) -> Tensor:
    with torch.no_grad():
        rows = [
            plain_target(gmm, logits[b], context[b], WEIGHTS[b], ABNORMAL[b], LABELS[b])
            for b in range(len(logits))
        ]
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize("anchor", [True, False])
@pytest.mark.parametrize("n_snippets", [T, 32])
def test_loss_against_a_loop(anchor: bool, n_snippets: int) -> None:
    gmm = make(anchor=anchor)
    logits = 2 * normal(B, n_snippets, dtype=torch.float64)
    context = SCALES * normal(B, n_snippets, H, seed=1, dtype=torch.float64)
    expected = (logits.sigmoid() - all_targets(gmm, logits, context)).square().mean()
    found = gmm(logits, context, WEIGHTS, PROTOTYPES, *TARGETS)
    torch.testing.assert_close(found, expected)


def test_target_by_hand() -> None:
    """Zero offsets without anchor: mean 1/2, deviation sqrt(1/T * 1/2) = 1/4 at T = 8."""
    gmm = make(anchor=False, fresh=True)
    context = normal(1, 8, H, dtype=torch.float64)
    logits = torch.zeros(1, 8, dtype=torch.float64)  # every score, and the level, 1/2
    distances = [0.4375, 0.3125, 0.1875, 0.0625, 0.0625, 0.1875, 0.3125, 0.4375]
    kernels = [math.exp(-8 * d * d) for d in distances]
    target = [0.5 * kernel / kernels[3] for kernel in kernels]
    expected = sum((0.5 - r) ** 2 for r in target) / 8
    found = gmm(logits, context, WEIGHTS[:1], PROTOTYPES, *(part[:1] for part in TARGETS)).item()
    assert found == pytest.approx(expected, rel=1e-5)


def embeddings() -> Tensor:
    return normal(B, H, seed=3, dtype=torch.float64)


def test_without_anchor_the_order_of_snippets_is_nothing() -> None:
    order = [3, 0, 5, 1, 4, 2]
    literal, anchored = make(anchor=False), make(anchor=True)
    for gmm, same in ((literal, True), (anchored, False)):
        before = gmm.gaussians(CONTEXT, embeddings(), PROTOTYPES)
        after = gmm.gaussians(CONTEXT[:, order], embeddings(), PROTOTYPES)
        assert torch.allclose(before, after, atol=1e-9) == same


def test_with_anchor_time_reversed_reverses_the_means() -> None:
    gmm = make(anchor=True, fresh=True)
    mean, deviation = gmm.gaussians(CONTEXT, embeddings(), PROTOTYPES).unbind(-1)
    back_mean, back = gmm.gaussians(CONTEXT.flip(1), embeddings(), PROTOTYPES).unbind(-1)
    torch.testing.assert_close(back_mean, 1 - mean)
    torch.testing.assert_close(back, deviation)
    assert ((mean - 0.5).abs() > 1e-3).all()


@pytest.mark.parametrize("anchor", [True, False])
def test_gaussians_stay_in_the_video(anchor: bool) -> None:
    gmm = make(anchor=anchor)
    perturb(gmm, scale=20.0)
    mean, deviation = gmm.gaussians(10 * CONTEXT, 10 * embeddings(), PROTOTYPES).unbind(-1)
    assert mean.shape == deviation.shape == (B, C)
    assert ((mean >= 0) & (mean <= 1)).all()
    assert ((deviation >= 1 / T - 1e-9) & (deviation <= 0.5 + 1e-9)).all()


@pytest.mark.parametrize("anchor", [True, False])
@pytest.mark.parametrize("context", ["equal", "zero", "huge"])
@pytest.mark.parametrize("size", [0.0, 30.0, -30.0])
def test_finite_at_the_edges(anchor: bool, context: str, size: float) -> None:
    gmm = make(anchor=anchor).float()
    features = {
        "equal": torch.ones(B, 32, H),
        "zero": torch.zeros(B, 32, H),
        "huge": 1e4 * normal(B, 32, H),
    }[context].requires_grad_()
    logits = torch.linspace(-size, size, 32).expand(B, -1).clone().requires_grad_()
    prototypes = PROTOTYPES.float().requires_grad_()
    loss = gmm(logits, features, torch.zeros(B, C), prototypes, TARGETS[0], LABELS.float())
    loss.backward()
    assert torch.isfinite(loss)
    for value in (logits, features, prototypes, *gmm.parameters()):
        assert value.grad is not None
        assert torch.isfinite(value.grad).all()


def test_a_normal_video_is_pulled_to_zero_whatever_is_predicted() -> None:
    gmm = make(anchor=True)
    logits, context = LOGITS[NORMAL : NORMAL + 1], CONTEXT[NORMAL : NORMAL + 1].clone()
    context.requires_grad_()
    weights = torch.tensor([[0.2, 0.5, 0.3]], dtype=torch.float64)
    loss = gmm(
        logits, context, weights, PROTOTYPES, torch.tensor([False]), torch.zeros(1, C).double()
    )
    torch.testing.assert_close(loss, logits.sigmoid().square().mean())
    loss.backward()
    assert context.grad is not None
    assert not context.grad.any()


def test_the_level_is_stopped() -> None:
    """The gradient of the logits is that of (score - target)^2 with the target a constant."""
    gmm = make(anchor=True)
    logits = LOGITS.clone().requires_grad_()
    gmm(logits, CONTEXT, WEIGHTS, PROTOTYPES, *TARGETS).backward()
    scores = LOGITS.sigmoid()
    expected = 2 * (scores - all_targets(gmm, LOGITS, CONTEXT)) * scores * (1 - scores) / (B * T)
    torch.testing.assert_close(logits.grad, expected)


@pytest.mark.parametrize("anchor", [True, False])
def test_gradients_of_context_prototypes_and_weights_are_right(anchor: bool) -> None:
    gmm = make(anchor=anchor)
    context, prototypes, weights = (
        value.clone().requires_grad_() for value in (CONTEXT, PROTOTYPES, WEIGHTS)
    )
    assert torch.autograd.gradcheck(
        lambda c, e, w: gmm(LOGITS, c, w, e, *TARGETS),
        (context, prototypes, weights),
        fast_mode=True,
    )
    gmm(LOGITS, context, weights, prototypes, *TARGETS).backward()
    for value in (context, prototypes, weights, *gmm.parameters()):
        assert value.grad is not None
        assert value.grad.abs().max() > 1e-9


@pytest.mark.parametrize("anchor", [True, False])
def test_loss_of_a_batch_is_the_mean_of_its_videos(anchor: bool) -> None:
    gmm = make(anchor=anchor)

    def loss(part: slice) -> Tensor:
        targets = (some[part] for some in TARGETS)
        value: Tensor = gmm(LOGITS[part], CONTEXT[part], WEIGHTS[part], PROTOTYPES, *targets)
        return value

    alone = [loss(slice(b, b + 1)) for b in range(B)]
    torch.testing.assert_close(loss(slice(None)), torch.stack(alone).mean())


def test_mixing_weights_by_hand() -> None:
    weights = torch.tensor([[0.6, 0.4, 0.0], [0.0, 0.0, 0.0]] * 3)
    labels = multi_hot("001", "110", "000", "000", "000", "000")
    abnormal = torch.tensor([True, True, False, False, True, True])
    expected = [
        [0.3, 0.2, 0.5],
        [0.5, 0.5, 0.0],
        [0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.6, 0.4, 0.0],  # abnormal in an unknown way: as predicted
        [0.0, 0.0, 0.0],
    ]
    torch.testing.assert_close(mixing_weights(weights, abnormal, labels), torch.tensor(expected))


def test_label_embedding_by_hand() -> None:
    prototypes = torch.tensor([[1.0, 0.0], [0.0, 2.0], [5.0, 5.0]])
    found = label_embedding(multi_hot("110", "001", "000"), prototypes)
    assert found.tolist() == [[0.5, 1.0], [5.0, 5.0], [0.0, 0.0]]
