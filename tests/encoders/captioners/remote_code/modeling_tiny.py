"""A chat model that sees pixels, called as InternVL's remote code is, small enough for a test.

Its language model is a random Llama; frames come in fours, whose features are mixed. It
prints to stdout as it goes, which such code does.
"""

import os
from typing import Any

import torch
from torch import nn
from transformers import LlamaForCausalLM, PreTrainedModel

from .configuration_tiny import TinyChatConfig

BAND = 7  # columns that a frame's features average over
SEPARATOR = "<|im_end|>\n"


class TinyChat(PreTrainedModel):
    config_class = TinyChatConfig
    main_input_name = "pixel_values"

    def __init__(self, config: TinyChatConfig) -> None:
        super().__init__(config)
        self.num_image_token = config.num_image_token
        width = config.llm_config.hidden_size
        self.language_model = LlamaForCausalLM(config.llm_config)
        bands = config.force_image_size // BAND
        self.seen = nn.Linear(3 * bands * bands, width * config.num_image_token)
        self.merged = nn.Linear(width, width)
        self.post_init()

    def extract_feature(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """(N, 3, S, S) -> (N, tokens a frame, width), frames mixed four by four."""
        bands = nn.functional.avg_pool2d(pixel_values, BAND).flatten(1)
        features = self.seen(bands).view(len(pixel_values) // 4, 4, self.num_image_token, -1)
        mixed = torch.tanh(features + self.merged(features.mean(dim=1, keepdim=True)))
        return mixed.flatten(0, 1)

    @staticmethod
    def _query(question: str) -> str:
        return f"<|im_start|>user\n{question}{SEPARATOR}<|im_start|>assistant\n"

    def _frame(self, start: str, context: str, end: str, n_tiles: int) -> str:
        return start + context * self.num_image_token * n_tiles + end

    def chat(
        self,
        tokenizer: Any,
        pixel_values: torch.Tensor,
        question: str,
        generation_config: dict[str, Any],
        history: Any = None,
        return_history: bool = False,
        num_patches_list: list[int] | None = None,
        IMG_START_TOKEN: str = "<img>",
        IMG_END_TOKEN: str = "</img>",
        IMG_CONTEXT_TOKEN: str = "<IMG_CONTEXT>",
        verbose: bool = False,
    ) -> str:
        tiles = num_patches_list or [len(pixel_values)]
        assert len(pixel_values) == sum(tiles)
        query = self._query(question)
        for n_tiles in tiles:
            frame = self._frame(IMG_START_TOKEN, IMG_CONTEXT_TOKEN, IMG_END_TOKEN, n_tiles)
            query = query.replace("<image>", frame, 1)
        return self._answers(tokenizer, pixel_values, [query], generation_config)[0]

    def _answers(
        self,
        tokenizer: Any,
        pixel_values: torch.Tensor,
        queries: list[str],
        generation_config: dict[str, Any],
    ) -> list[str]:
        print("0")  # what an answer's name looks like
        _trouble(pixel_values, queries)
        tokenizer.padding_side = "left"
        encoded = tokenizer(
            queries if len(queries) > 1 else queries[0], return_tensors="pt", padding=True
        )
        seen = encoded["input_ids"] == tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>")
        embedded = self.language_model.get_input_embeddings()(encoded["input_ids"]).clone()
        embedded[seen] = self.extract_feature(pixel_values).flatten(0, 1).to(embedded.dtype)
        assert "eos_token_id" not in generation_config, "not a fresh generation_config"
        generation_config["eos_token_id"] = tokenizer.convert_tokens_to_ids(SEPARATOR.strip())
        with torch.no_grad():
            tokens = self.language_model.generate(
                inputs_embeds=embedded,
                attention_mask=encoded["attention_mask"],
                pad_token_id=tokenizer.pad_token_id,
                use_cache=True,
                **generation_config,
            )
        decoded = tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [text.split(SEPARATOR.strip())[0].strip() for text in decoded]


class TinyBatchChat(TinyChat):
    """With `batch_chat`, which replaces one placeholder of each question."""

    def batch_chat(
        self,
        tokenizer: Any,
        pixel_values: torch.Tensor,
        questions: list[str],
        generation_config: dict[str, Any],
        num_patches_list: list[int] | None = None,
        history: Any = None,
        return_history: bool = False,
        IMG_START_TOKEN: str = "<img>",
        IMG_END_TOKEN: str = "</img>",
        IMG_CONTEXT_TOKEN: str = "<IMG_CONTEXT>",
        verbose: bool = False,
        image_counts: list[int] | None = None,
    ) -> list[str]:
        queries = []
        for question, n_tiles in zip(questions, num_patches_list or [], strict=True):
            frame = self._frame(IMG_START_TOKEN, IMG_CONTEXT_TOKEN, IMG_END_TOKEN, n_tiles)
            queries.append(self._query(question).replace("<image>", frame, 1))
        print(f"a batch of {len(queries)}")
        return self._answers(tokenizer, pixel_values, queries, generation_config)


class TinyOtherBatchChat(TinyBatchChat):
    """Whose batches ask something else than `chat` does."""

    def batch_chat(self, tokenizer: Any, pixel_values: Any, questions: Any, *a: Any, **k: Any):
        hurried = [f"Hurry! {question}" for question in questions]
        return super().batch_chat(tokenizer, pixel_values, hurried, *a, **k)


def _trouble(pixel_values: torch.Tensor, queries: list[str]) -> None:
    """Memory for `TINY_CHAT_ROOM` snippets, and for none with a frame that is all white."""
    black = pixel_values.amax() < -1  # a rehearsal
    room = int(os.environ.get("TINY_CHAT_ROOM", "99"))
    white = pixel_values.flatten(1).amin(dim=1).amax() > 2
    if white or (len(queries) > room and not black):
        raise torch.OutOfMemoryError(f"{len(queries)} at a time")
