"""A vision-language model that answers greedily, in batches that fit into memory."""

import copy
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import torch

from pipeline.config import TransformersCaption
from pipeline.encoders import pinned
from pipeline.encoders.captioners.native.asking import Asking
from pipeline.encoders.memory import out_of_memory
from pipeline.encoders.precision import DTYPES
from pipeline.encoders.torchvision_guard import import_torchvision
from pipeline.engine import FatalError, SpoiledError
from pipeline.errors import UserError

import_torchvision()
from transformers import (  # noqa: E402  (the guard must run first)
    AutoModelForImageTextToText,
    AutoModelForMultimodalLM,
    GenerationConfig,
)
from transformers import __version__ as version  # noqa: E402

# Of a checkpoint's own way to generate: what its tokens mean and which it must not write. The rest
# is sampling (temperature, top_p), and has no part in a greedy answer.
KEPT = (
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "decoder_start_token_id",
    "bad_words_ids",
    "suppress_tokens",
    "begin_suppress_tokens",
)
NOT_A_NUMBER = "the model computed what is no number (overflow?); choose caption.precision bf16"
NO_ROOM = (
    "not even one snippet fits into the device's memory beside the model; "
    "choose caption.precision bf16, fewer caption.frames, a smaller model or a freer device"
)

Inputs = dict[str, torch.Tensor]
Images = Sequence[Sequence[bytes]]


class Answering:
    """Greedy answers to what `asking` asks of a batch of snippets.

    `batch_size` is halved, for good, when memory runs out. Another one changes the last bits of
    what is computed, and so now and then a word.
    """

    def __init__(
        self,
        settings: TransformersCaption,
        asking: Asking,
        *,
        device: torch.device,
        batch_size: int,
    ) -> None:
        """Load the model onto the device; raises `FatalError` when it cannot be had."""
        self.asking, self.device, self.batch_size = asking, device, batch_size
        self.tokenizer = copy.deepcopy(asking.tokenizer)  # two threads must not share one
        self.model = load(settings, device)
        self.model.generation_config = greedy(settings, self.model, self.tokenizer)

    def __call__(self, snippets: Images, prepared: "Future[Inputs] | None" = None) -> list[str]:
        """An answer for each snippet; `prepared` are their inputs where they are on their way.

        Raises `UserError` when one snippet alone does not fit into memory, and `SpoiledError` when
        the GPU has become unusable to this process.
        """
        if len(snippets) <= self.batch_size:  # else cut before memory ran out
            try:
                return self._generate(prepared.result() if prepared else self.asking(snippets))
            except torch.AcceleratorError as broken:
                raise SpoiledError(f"the GPU failed: {broken}") from broken
            except Exception as raised:
                if not out_of_memory(raised):
                    raise
                # Without its traceback, whose frames would hold on to the batch's tensors.
                error = raised.with_traceback(None)
            self._halve(len(snippets), error)
        size = self.batch_size
        parts = (snippets[first : first + size] for first in range(0, len(snippets), size))
        return [answer for part in parts for answer in self(part)]

    def _halve(self, count: int, error: Exception) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if count == 1:
            raise UserError(f"{NO_ROOM} ({error})")
        self.batch_size = count // 2
        print(
            f"out of memory with {count} snippets: going on with {self.batch_size}; "
            "a smaller runtime.captions.batch_size avoids the detour",
            file=sys.stderr,
        )

    @torch.no_grad()
    def _generate(self, inputs: Mapping[str, torch.Tensor]) -> list[str]:
        on_device = {name: value.to(self.device) for name, value in inputs.items()}
        finite = _Finite(self.device)
        tokens = self.model.generate(**on_device, logits_processor=[finite])
        if not finite.so_far:
            raise UserError(NOT_A_NUMBER)
        # Of models that read and write one sequence the prompt comes back first.
        skip = 0 if self.model.config.is_encoder_decoder else inputs["input_ids"].shape[1]
        answers: list[str] = self.tokenizer.batch_decode(tokens[:, skip:], skip_special_tokens=True)
        return answers


class _Finite:
    """Watches the scores of all steps for what is no number, without waiting for the device."""

    def __init__(self, device: torch.device) -> None:
        self._bad = torch.zeros((), dtype=torch.bool, device=device)

    def __call__(self, _: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self._bad |= scores.isnan().any()
        return scores

    @property
    def so_far(self) -> bool:
        return not self._bad.item()


def load(settings: TransformersCaption, device: torch.device) -> Any:
    """The model in eval mode on `device`, its weights in `settings.precision`.

    On a CPU the process keeps to one thread: workers are processes, and captions do not depend
    on their number. On a GPU fp32 is fp32. Raises `FatalError` for weights that are absent, do not
    fit, or are not all there: transformers would fill the gaps with random ones.
    """
    if device.type == "cpu":
        torch.set_num_threads(1)
    else:
        torch.backends.cudnn.allow_tf32 = False
    with pinned.loading(settings.model, settings.revision):
        model, found = _from_pretrained(settings)
        if found["missing_keys"] or found["mismatched_keys"]:
            lacking = sorted(map(str, [*found["missing_keys"], *found["mismatched_keys"]]))
            some = ", ".join(lacking[:3])
            raise FatalError(
                f"{settings.model} lacks {len(lacking)} weights of {type(model).__name__} "
                f"({some}, ...); is its download complete?"
            )
        return model.to(device).eval().requires_grad_(False)


def _from_pretrained(settings: TransformersCaption) -> tuple[Any, dict[str, Any]]:
    options: dict[str, Any] = pinned.where(settings.revision) | {
        "dtype": DTYPES[settings.precision],
        "trust_remote_code": False,
        "output_loading_info": True,
    }
    refused: list[str] = []
    for kind in (AutoModelForImageTextToText, AutoModelForMultimodalLM):
        try:
            found: Any = kind.from_pretrained(settings.model, **options)
            return found[0], found[1]
        except ValueError as error:
            if "Unrecognized configuration class" not in str(error):
                raise
            refused.append(kind.__name__)
    raise FatalError(
        f"{settings.model} is no model that describes pictures, as far as transformers {version} "
        f"knows ({' and '.join(refused)} refuse it); choose another, or backend internvideo"
    )


def greedy(settings: TransformersCaption, model: Any, tokenizer: Any) -> GenerationConfig:
    """Generation without sampling, whatever the checkpoint's own settings say."""
    own = {name: getattr(model.generation_config, name, None) for name in KEPT}
    kept = {name: value for name, value in own.items() if value is not None}
    pad = kept.get("pad_token_id", tokenizer.pad_token_id)
    end = kept.get("eos_token_id", tokenizer.eos_token_id)
    return GenerationConfig(  # type: ignore[no-untyped-call]
        **kept
        | {"pad_token_id": pad, "eos_token_id": end}
        | {"max_new_tokens": settings.max_new_tokens, "do_sample": False, "num_beams": 1}
        | {"repetition_penalty": settings.repetition_penalty}
    )
