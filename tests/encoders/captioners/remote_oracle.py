"""Captions as the model's card says to ask for them, one snippet at a time; no code of ours.

`python remote_oracle.py MODEL FRAMES.npy PROMPT N GUARD`: frames (T, K, S, S, 3) uint8 of the
model's size, GUARD the file that makes torchvision import; prints JSON: the captions, and
the queries that reached the tokenizer.
"""

import json
import runpy
import sys
from typing import Any

import numpy as np
import torch

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def main(model_folder: str, frames_path: str, prompt: str, max_new_tokens: str, guard: str) -> None:
    runpy.run_path(guard)["import_torchvision"]()
    from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415

    tokenizer = AutoTokenizer.from_pretrained(model_folder, trust_remote_code=True)
    model = AutoModel.from_pretrained(
        model_folder, torch_dtype=torch.float32, trust_remote_code=True
    ).eval()
    queries: list[Any] = []

    def encode(text: Any, **settings: Any) -> Any:
        queries.append(text)
        return type(tokenizer).__call__(tokenizer, text, **settings)

    encode.convert_tokens_to_ids = tokenizer.convert_tokens_to_ids  # type: ignore[attr-defined]
    encode.batch_decode = tokenizer.batch_decode  # type: ignore[attr-defined]
    encode.pad_token_id = tokenizer.pad_token_id  # type: ignore[attr-defined]
    captions = []
    for frames in np.load(frames_path):  # (K, S, S, 3)
        pixels = torch.from_numpy((frames / 255 - MEAN) / STD).float().permute(0, 3, 1, 2)
        prefix = "".join([f"Frame{i + 1}: <image>\n" for i in range(len(frames))])
        decoding = {"do_sample": False, "num_beams": 1, "max_new_tokens": int(max_new_tokens)}
        captions.append(
            model.chat(
                encode, pixels, prefix + prompt, decoding, num_patches_list=[1] * len(frames)
            )
        )
    print("\n" + json.dumps({"captions": captions, "queries": queries}))


if __name__ == "__main__":
    main(*sys.argv[1:])
