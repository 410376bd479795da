"""Settings of the tiny chat model, as its folder's config.json has them."""

from typing import Any

from transformers import LlamaConfig, PretrainedConfig


class TinyChatConfig(PretrainedConfig):
    model_type = "tiny_chat"

    def __init__(self, llm_config: dict[str, Any] | None = None, **others: Any) -> None:
        self.llm_config = LlamaConfig(**(llm_config or {}))
        self.force_image_size = others.pop("force_image_size", 28)
        self.num_image_token = others.pop("num_image_token", 2)
        super().__init__(**others)
