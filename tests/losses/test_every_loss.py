"""What holds for every loss: right gradients, videos apart, unknown categories, stacked models."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap

from pipeline.losses import gmm as gmm_module
from pipeline.losses.category import category_loss
from pipeline.losses.gmm import GmmSmoothing
from pipeline.losses.mil import mil_loss, topk_mean
from tests.models.toy import multi_hot, normal, perturb

B, T, C, H = 6, 6, 3, 5
ABNORMAL = torch.tensor([True, False, True, True, False, True])
CATEGORIES = multi_hot("010", "000", "110", "000", "000", "000").double()
KNOWN, UNKNOWN = [0, 1, 2, 4], [3, 5]  # abnormal videos 3 and 5 have no known category
PLACED = [*KNOWN, 3]  # of video 5 no category is predicted either
MARGIN = 0.08  # among the bags below, of some pairs on either side

Inputs = tuple[Tensor, ...]
LossFunction = Callable[..., Tensor]


def smoothing(*, anchor: bool) -> GmmSmoothing:
    torch.manual_seed(0)
    gmm = GmmSmoothing(width=H, hidden=4, anchor=anchor).double()
    perturb(gmm, scale=0.5)
    return gmm


def gmm_loss(gmm: GmmSmoothing, *values: Tensor) -> Tensor:
    """Of logits, context, weights, abnormal, categories, prototypes: those of videos first."""
    logits, context, weights, abnormal, categories, prototypes = values
    loss: Tensor = gmm(logits, context, weights, prototypes, abnormal, categories)
    return loss


def double(*shape: int, seed: int) -> Tensor:
    return normal(*shape, seed=seed, dtype=torch.float64)


LOGITS = double(B, T, seed=0)
WEIGHTS = double(B, C, seed=3).softmax(dim=1) * torch.tensor([1.0, 1, 1, 1, 1, 0])[:, None]
CATEGORY_WEIGHTS = double(C, 2, seed=4).exp()

# A loss of (its inputs with a leading axis of videos, targets, its inputs without): those inputs.
CASES: dict[str, tuple[LossFunction, Inputs, Inputs]] = {
    "bce": (partial(mil_loss, kind="bce", top_k=2), (LOGITS,), ()),
    "hinge": (partial(mil_loss, kind="hinge", top_k=2, margin=MARGIN), (LOGITS,), ()),
    "category": (category_loss, (double(B, C, 2, seed=1),), ()),
    "weighted": (category_loss, (double(B, C, 2, seed=1),), (CATEGORY_WEIGHTS,)),
    **{
        f"gmm {anchor=}": (
            partial(gmm_loss, smoothing(anchor=anchor)),
            (LOGITS, double(B, T, H, seed=2), WEIGHTS),
            (double(C, H, seed=5),),
        )
        for anchor in (True, False)
    },
}
MIL = ("bce", "hinge")
each_loss = pytest.mark.parametrize("name", CASES)
each_with_categories = pytest.mark.parametrize("name", [name for name in CASES if name not in MIL])


def targets_of(name: str, videos: slice | list[int] = slice(None)) -> Inputs:
    both = (ABNORMAL[videos], CATEGORIES[videos])
    return both[:1] if name in MIL else both


def loss_of(name: str, per_video: Inputs, videos: slice | list[int] = slice(None)) -> Tensor:
    """The loss of these videos, inputs of all given."""
    function, _, shared = CASES[name]
    return function(*(value[videos] for value in per_video), *targets_of(name, videos), *shared)


def leaves(*values: Tensor) -> Inputs:
    return tuple(value.clone().requires_grad_() for value in values)


@each_loss
def test_gradient_of_every_input_is_right(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The target's level, through which no gradient is meant to pass, is held constant.

    Video 5 stays out: weights of zero and the least weights are two cases, not neighbours.
    """
    level = topk_mean(LOGITS[PLACED].sigmoid(), 1)
    monkeypatch.setattr(gmm_module, "topk_mean", lambda values, k: level)
    function, per_video, shared = CASES[name]
    inputs = leaves(*(value[PLACED] for value in per_video), *shared)
    n = len(per_video)

    def loss(*values: Tensor) -> Tensor:
        return function(*values[:n], *targets_of(name, PLACED), *values[n:])

    assert torch.autograd.gradcheck(loss, inputs)
    loss(*inputs).backward()
    for value in inputs:
        assert value.grad is not None
        assert value.grad.abs().max() > 1e-6


def test_the_hinge_is_checked_away_from_its_kinks_and_on_both_sides() -> None:
    bags = topk_mean(LOGITS.sigmoid(), 2)
    slack = MARGIN - (bags[ABNORMAL][:, None] - bags[~ABNORMAL][None, :])
    assert (slack > 0.01).any()
    assert (slack < -0.01).any()
    assert (slack.abs() > 1e-3).all()
    ordered = LOGITS.sort(dim=1, descending=True).values
    assert (ordered[:, 1] - ordered[:, 2]).min() > 1e-3  # the top 2 stay the top 2


@each_loss
def test_no_two_videos_mix(name: str) -> None:
    """The second derivative between inputs of two videos is zero: L is a sum over videos.

    (Between bag scores the hinge is piecewise linear, so its pairs show up in no second
    derivative; what else it might read of another video would.)
    """
    _, per_video, _ = CASES[name]
    inputs = leaves(*per_video)
    gradients = torch.autograd.grad(loss_of(name, inputs), inputs, create_graph=True)
    within = 0.0
    for gradient in gradients:
        for video in range(B):
            upstream = double(*gradient[video].shape, seed=video)
            mixed = torch.autograd.grad(
                (gradient[video] * upstream).sum(), inputs, retain_graph=True, allow_unused=True
            )
            for value in mixed:
                if value is not None:
                    others = [other for other in range(B) if other != video]
                    assert not value[others].any()
                    within = max(within, float(value[video].abs().max()))
    assert within > 1e-6


@pytest.mark.parametrize("kind", MIL)
def test_mil_pairs_see_other_videos_by_their_top_k_alone(kind: str) -> None:
    """Below the k highest of a video nothing moves the loss or the gradient of any video."""
    lowered = LOGITS.clone()
    lowest = LOGITS.argsort(dim=1)[:, : T - 2]
    lowered.scatter_(1, lowest, -9.0)
    results = []
    for logits in leaves(LOGITS, lowered):
        loss = loss_of(kind, (logits,))
        loss.backward()
        assert logits.grad is not None
        assert not logits.grad.gather(1, lowest).any()
        results.append((loss, logits.grad))
    assert results[0][0].equal(results[1][0])
    assert results[0][1].equal(results[1][1])


@each_with_categories
def test_a_video_of_unknown_category_does_not_count(name: str) -> None:
    """In the category loss no unknown one; in smoothing, none of which nothing is predicted."""
    counted = PLACED if name.startswith("gmm") else KNOWN
    _, per_video, _ = CASES[name]
    inputs = leaves(*per_video)
    loss = loss_of(name, inputs)
    torch.testing.assert_close(loss, loss_of(name, per_video, counted))
    loss.backward()
    for value in inputs:
        assert value.grad is not None
        assert not value.grad[[video for video in range(B) if video not in counted]].any()
        assert value.grad[counted].any()


@each_with_categories
def test_only_videos_that_do_not_count_lose_nothing(name: str) -> None:
    _, per_video, _ = CASES[name]
    inputs = leaves(*per_video)
    loss = loss_of(name, inputs, [5, 5])
    loss.backward()
    assert loss.item() == 0
    for value in inputs:
        assert value.grad is not None
        assert not value.grad.any()


@pytest.mark.parametrize("kind", MIL)
def test_a_video_of_unknown_category_is_abnormal_to_mil(kind: str) -> None:
    (logits,) = leaves(LOGITS)
    loss_of(kind, (logits,)).backward()
    assert logits.grad is not None
    for video in UNKNOWN:
        highest = logits[video].topk(2).indices
        assert (logits.grad[video, highest] < 0).all()


@each_loss
@pytest.mark.parametrize("together", [True, False])
def test_stacked_models_lose_what_each_loses(name: str, together: bool) -> None:
    """Under `vmap`, with the same videos for all models or others for each."""
    function, per_video, shared = CASES[name]
    models = [
        tuple(value + 0.3 * double(*value.shape, seed=10 + model) for value in per_video)
        for model in range(3)
    ]
    orders = [
        list(range(B)) if together else [(model + b) % B for b in range(B)] for model in range(3)
    ]
    targets = [targets_of(name, order) for order in orders]

    def loss(inputs: Inputs, some: Inputs) -> Tensor:
        return function(*inputs, *some, *shared)

    alone = [(loss(*pair), grad(loss)(*pair)) for pair in zip(models, targets, strict=True)]
    stacked = tuple(torch.stack(values) for values in zip(*models, strict=True))
    told = tuple(torch.stack(values) for values in zip(*targets, strict=True))
    told, axis = (targets[0], None) if together else (told, 0)
    found = vmap(loss, in_dims=(0, axis))(stacked, told)
    torch.testing.assert_close(found, torch.stack([value for value, _ in alone]))
    gradients = vmap(grad(loss), in_dims=(0, axis))(stacked, told)
    for number, gradient in enumerate(gradients):
        expected = torch.stack([each[number] for _, each in alone])
        torch.testing.assert_close(gradient, expected)
