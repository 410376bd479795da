"""One query's cross-attention against `nn.MultiheadAttention` with the same weights."""

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.utils.flop_counter import FlopCounterMode

from pipeline.models.single_query_attention import SingleQueryAttention
from tests.models.toy import normal, perturb

WIDTH, HEADS, T = 12, 3, 7
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}


def pair(
    dtype: torch.dtype = torch.float64, dropout: float = 0.0, seed: int = 0
) -> tuple[SingleQueryAttention, nn.MultiheadAttention]:
    """Ours and PyTorch's, with the same random weights and biases."""
    torch.manual_seed(seed)
    ours = SingleQueryAttention(WIDTH, HEADS, dropout=dropout)
    perturb(ours, seed=seed + 1)
    theirs = nn.MultiheadAttention(WIDTH, HEADS, dropout=dropout, batch_first=True)
    theirs.load_state_dict(ours.state_dict())
    return ours.to(dtype), theirs.to(dtype)


def attend(theirs: nn.MultiheadAttention, query: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
    attended, weights = theirs(query[:, None], context, context)
    return attended[:, 0], weights[:, 0]


def videos(dtype: torch.dtype = torch.float64, n_snippets: int = T) -> tuple[Tensor, Tensor]:
    return normal(5, WIDTH, dtype=dtype), normal(5, n_snippets, WIDTH, seed=1, dtype=dtype)


@pytest.mark.parametrize("n_snippets", [1, T, 32])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_output_and_weights_are_those_of_multi_head_attention(
    dtype: torch.dtype, n_snippets: int
) -> None:
    ours, theirs = pair(dtype)
    query, context = videos(dtype, n_snippets)
    expected = attend(theirs.eval(), query, context)
    for found, value in zip(ours.eval()(query, context), expected, strict=True):
        torch.testing.assert_close(found, value, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("part", [0, 1])
def test_gradients_are_those_of_multi_head_attention(part: int) -> None:
    """Of each output by itself, to every parameter and both inputs; the key's bias gets none."""
    gradients = []
    ours, theirs = pair()
    for module in (ours, theirs):
        query, context = (value.requires_grad_() for value in videos())
        both = module(query, context) if module is ours else attend(theirs, query, context)
        (both[part] * normal(*both[part].shape, seed=2, dtype=torch.float64)).sum().backward()
        named = {**dict(module.named_parameters()), "query": query, "context": context}
        found = {
            name: torch.zeros_like(value) if value.grad is None else value.grad
            for name, value in named.items()
        }
        gradients.append(found)
    assert gradients[0].keys() == gradients[1].keys()
    assert all(value.any() for name, value in gradients[0].items() if not name.startswith("out_"))
    for name, value in gradients[1].items():
        torch.testing.assert_close(gradients[0][name], value, atol=1e-12, rtol=1e-12)
    assert not gradients[0]["in_proj_bias"][WIDTH : 2 * WIDTH].any()


def test_dropout_is_on_the_attention_weights_in_training_only() -> None:
    ours, theirs = pair(dropout=0.5)
    query, context = videos(n_snippets=32)
    results = []
    for module in (ours, theirs):
        torch.manual_seed(3)
        both = module(query, context) if module is ours else attend(theirs, query, context)
        results.append(both)
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
    sums = results[0][1].sum(dim=1)
    assert (sums - 1).abs().max() > 1e-2  # some weights were dropped, so that sums are not 1
    torch.testing.assert_close(ours.eval()(query, context)[1].sum(dim=1), torch.ones_like(sums))


def test_it_starts_as_multi_head_attention_starts() -> None:
    states = []
    for build in (
        lambda: SingleQueryAttention(WIDTH, HEADS, dropout=0.1),
        lambda: nn.MultiheadAttention(WIDTH, HEADS, dropout=0.1),
    ):
        torch.manual_seed(0)
        states.append(build().state_dict())
    assert states[0].keys() == states[1].keys()
    assert all(value.equal(states[1][name]) for name, value in states[0].items())


def test_stacked_modules_compute_what_each_computes() -> None:
    modules = [pair(seed=seed)[0] for seed in range(3)]
    parameters, buffers = stack_module_state(modules)  # type: ignore[arg-type]
    query, context = videos()
    expected = [module(query, context) for module in modules]
    found = vmap(
        lambda p, b: functional_call(modules[0], (p, b), (query, context)),
    )(parameters, buffers)
    for part in range(2):
        torch.testing.assert_close(found[part], torch.stack([each[part] for each in expected]))
    assert not torch.allclose(expected[0][0], expected[1][0], atol=1e-2)


def test_snippets_are_not_projected() -> None:
    """The floating-point operations are those the docstring counts."""
    ours, _ = pair(torch.float32)
    query, context = videos(torch.float32, 32)
    with FlopCounterMode(display=False) as counter:
        ours(query, context)
    assert counter.get_total_flops() == 5 * (8 * WIDTH**2 + 4 * HEADS * 32 * WIDTH)


def test_heads_divide_the_width() -> None:
    with pytest.raises(ValueError, match="12 is not a multiple of heads 5"):
        SingleQueryAttention(12, 5, dropout=0.0)
