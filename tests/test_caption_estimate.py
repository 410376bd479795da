"""The estimate's arithmetic, worked out by hand for a model and a GPU of round numbers."""

from dataclasses import replace

import pytest

from benchmarks.caption_estimate import (
    GPUS,
    INTERNVIT,
    MODELS,
    Assumptions,
    Gpu,
    Model,
    Transformer,
    estimate,
    hours,
)

SMALL = Transformer(layers=2, width=10, kv_width=5, inner=20)
MODEL = Model("small", replace(SMALL, matrices=2), 4, SMALL, 100, 3, 1, 2)
GPU = Gpu("slow", peak=1e6, bandwidth=1e5, memory=1e5)
ASSUMED = Assumptions(frames=2, new_tokens=10, compute=0.5, memory=0.5, launch=0.0)


def test_weights_and_operations() -> None:
    assert SMALL.weights == 2 * (100 + 50 + 50 + 100 + 3 * 200)  # q, k, v, output, feed-forward
    assert SMALL.operations(4, causal=False) == 2 * 1800 * 4 + 2 * 4 * 16 * 10
    assert SMALL.operations(4, causal=True) == 2 * 1800 * 4 + 2 * 2 * 16 * 10
    assert MODEL.prompt(2) == 2 * (3 + 1) + 2


def test_a_batch_by_hand() -> None:
    batch = estimate(MODEL, GPU, 3, ASSUMED)
    vision = 2 * (2 * 1400 * 4 + 2 * 4 * 16 * 10)  # two frames of four patches
    prefill = 2 * 1800 * 10 + 2 * 2 * 100 * 10 + 2 * 1000  # ten tokens, and the scores of one
    assert batch.vision == pytest.approx(3 * vision / 5e5)
    assert batch.prefill == pytest.approx(3 * prefill / 5e5)
    cache = 3 * 15 * 2 * 2 * 5 * 2  # snippets, tokens, layers, keys and values, width, bytes
    assert batch.steps == pytest.approx(10 * (2 * (1800 + 1000) + cache) / 5e4)
    assert batch.memory == 2 * (1400 + 1800 + 2000) + cache
    assert hours(batch, 3, 7200) == pytest.approx(2400 * batch.seconds / 3600)


def test_what_limits_a_step() -> None:
    launched = estimate(MODEL, GPU, 3, replace(ASSUMED, launch=7.0))
    assert launched.steps == 70.0
    busy = estimate(MODEL, replace(GPU, bandwidth=1e9), 3, ASSUMED)
    token = 2 * (1800 + 1000) + 4 * 2 * 15 * 10
    assert busy.steps == pytest.approx(10 * 3 * token / 5e5)


def test_the_models_have_their_published_sizes() -> None:
    assert pytest.approx(304e6, rel=0.01) == INTERNVIT.weights
    assert [round(model.weights / 1e9, 1) for model in MODELS] == [8.0, 8.5]
    assert MODELS[1].prompt(8) > 8 * 256


def test_a_faster_gpu_and_a_larger_batch_take_less_time() -> None:
    for model in MODELS:
        slow, fast = (hours(estimate(model, gpu, 1, Assumptions()), 1, 60_000) for gpu in GPUS)
        batched = hours(estimate(model, GPUS[1], 16, Assumptions()), 16, 60_000)
        assert batched < fast < slow
