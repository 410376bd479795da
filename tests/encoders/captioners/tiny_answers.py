"""Answers by a tiny vision-language model with random weights: sentences without a meaning."""

import io
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from tests.encoders.captioners.tiny_vlm import tiny_internvl


class TinyModel:
    """Generates greedily from several images and a question, one request at a time."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForImageTextToText, AutoProcessor  # noqa: PLC0415

        torch.set_num_threads(1)
        tiny_internvl(folder)
        self.processor: Any = AutoProcessor.from_pretrained(folder)
        self.model: Any = AutoModelForImageTextToText.from_pretrained(folder).eval()
        self.lock = threading.Lock()

    def __call__(self, images: Sequence[bytes], body: dict[str, Any]) -> str:
        pictures = [Image.open(io.BytesIO(image)).convert("RGB") for image in images]
        question = body["messages"][0]["content"][-1]["text"]
        content = [{"type": "image", "image": picture} for picture in pictures]
        content.append({"type": "text", "text": question})
        inputs = self.processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
        with self.lock, torch.no_grad():
            tokens = self.model.generate(
                **inputs,
                max_new_tokens=body["max_tokens"],
                repetition_penalty=body.get("repetition_penalty", 1.0),
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
            )
        new = tokens[0, inputs["input_ids"].shape[1] :]
        return str(self.processor.decode(new, skip_special_tokens=True))
