"""Several models as one: `vmap` over stacked parameters computes what each computes by itself."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from pipeline.config import BaseHead, RefineVadHead
from pipeline.models.head import Head, Inputs, Targets
from tests.models.toy import TARGETS, VIDEOS, base, make, perturb, refinevad

State = dict[str, Tensor]
N_MODELS = 3
# Random draws differ between one model and several: none is left in these, but for certain ones.
TOLD: dict[str, Any] = {"label_probability": 1.0}
FORMS: dict[str, BaseHead | RefineVadHead] = {
    "base": base(),
    "base, batch norm": base(scorer={"batch_norm": True}, mil={"kind": "hinge"}),
    "refinevad": refinevad(core=TOLD),
    "soft, gated, top": refinevad(
        motar={"shift": "soft"}, core={**TOLD, "injection": "gated", "classification": "top"}
    ),
    "floor, hinge, literal smoothing": refinevad(
        motar={"shift": "floor"}, core=TOLD, mil={"kind": "hinge"}, gmm={"anchor": False}
    ),
    "replicate, whole vector": refinevad(
        motar={"edges": "replicate", "per_modality": False}, core=TOLD
    ),
    "without shift, layers, injection": refinevad(
        motar={"shift": "none", "layers": 0}, core={"injection": "none"}
    ),
}
every_form = pytest.mark.parametrize("form", FORMS)
# No batching rule for attention on a CPU: PyTorch loops over the models, and warns.
pytestmark = pytest.mark.filterwarnings("ignore:There is a performance drop")


class Losing(nn.Module):
    """The head's loss terms as its forward pass, which is what `functional_call` calls."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head

    def forward(self, inputs: Inputs, targets: Targets) -> Tensor:
        return torch.stack(list(self.head.losses(inputs, targets).values()))


def models(form: str) -> list[Losing]:
    heads = [make(FORMS[form], seed=seed) for seed in range(N_MODELS)]
    for seed, head in enumerate(heads):
        perturb(head, seed=10 + seed)
        head.fit_statistics(VIDEOS + 0.3 * seed, TARGETS)  # statistics of its own, too
    return [Losing(head.train()) for head in heads]


def batches() -> list[Tensor]:
    """For each model another order of the videos, with one of them twice."""
    return [torch.tensor([(seed + b) % 6 for b in range(6)] + [seed]) for seed in range(N_MODELS)]


@every_form
def test_training_step_of_stacked_models_is_that_of_each(form: str) -> None:
    """Terms, gradients of all parameters, and batch-normalisation statistics, own batches."""
    several = models(form)
    inputs = [model.head.prepare(VIDEOS[b]) for model, b in zip(several, batches(), strict=True)]
    targets = [TARGETS.take(batch) for batch in batches()]
    parameters, buffers = stack_module_state(several)  # type: ignore[arg-type]
    template = deepcopy(several[0])

    def total(state: State, kept: State, some: Inputs, told: Targets) -> tuple[Tensor, Tensor]:
        terms = functional_call(template, (state, kept), (some, told))
        return terms.sum(), terms

    step = vmap(grad_and_value(total, has_aux=True), randomness="different")
    stacked = tuple(torch.stack(parts) for parts in zip(*inputs, strict=True))
    told = Targets(*(torch.stack(parts) for parts in zip(*targets, strict=True)))
    gradients, (_, terms) = step(parameters, buffers, stacked, told)
    for number, model in enumerate(several):
        expected = model(inputs[number], targets[number])
        torch.testing.assert_close(terms[number], expected, atol=1e-5, rtol=1e-5)
        expected.sum().backward()
        for name, parameter in model.named_parameters():
            gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            torch.testing.assert_close(gradients[name][number], gradient, atol=1e-5, rtol=1e-4)
        for name, buffer in model.named_buffers():
            torch.testing.assert_close(buffers[name][number], buffer, atol=1e-5, rtol=1e-5)
    assert (terms[0] - terms[1]).abs().max() > 1e-3
    assert all(gradient.any() for name, gradient in gradients.items() if "ratio" not in name)


@every_form
def test_scores_of_stacked_models_are_those_of_each(form: str) -> None:
    heads = [model.head.eval() for model in models(form)]
    parameters, buffers = stack_module_state(heads)  # type: ignore[arg-type]

    def score(state: State, kept: State) -> tuple[Tensor, ...]:
        prediction = functional_call(heads[0], (state, kept), (VIDEOS,))
        return tuple(part for part in prediction if part is not None)

    with torch.no_grad():
        found = vmap(score, randomness="different")(parameters, buffers)
        for number, head in enumerate(heads):
            expected = [part for part in head(VIDEOS) if part is not None]
            for stacked, part in zip(found, expected, strict=True):
                torch.testing.assert_close(stacked[number], part, atol=1e-5, rtol=1e-5)


def test_stacked_models_draw_for_themselves() -> None:
    """Dropout and told labels differ between equal models on equal videos."""
    for settings in (base(input_dropout=0.5), refinevad(core={"label_probability": 0.5})):
        head = make(settings)
        perturb(head)
        model = Losing(head.train())
        parameters, buffers = stack_module_state([model] * 8)  # type: ignore[arg-type]
        inputs = head.prepare(VIDEOS)

        def terms(state: State, kept: State, model: Losing = model, inputs: Inputs = inputs) -> Any:
            return functional_call(model, (state, kept), (inputs, TARGETS))

        torch.manual_seed(0)
        found = vmap(terms, randomness="different")(parameters, buffers)[:, 0]
        assert found.std() > 1e-4
