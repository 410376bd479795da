"""Tiny vision-language models with random weights, written as local folders.

`python -m tests.encoders.captioners.tiny_vlm FOLDER --kind internvl` makes one, for
`caption: { backend: transformers, model: FOLDER, precision: fp32 }`. Its sentences are noise.
"""

import argparse
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split

from pipeline.config.captions import PROMPT
from pipeline.encoders.torchvision_guard import import_torchvision

import_torchvision()
import transformers  # noqa: E402  (the guard must run first)

hf: Any = transformers  # which promises more of its types than it keeps

SPREAD = 0.3  # of the random weights: wide enough that other frames give another sentence
WORDS = (
    "a an and at behind bright by camera car dark day door fast fire from group in inside into is "
    "left lies man many moves near night nobody nothing of on outside people red right road runs "
    "slowly smoke stands still street system that the then to truck two under user assistant walks "
    "watches white with woman Where What color light happens"
)
PADDING, UNKNOWN, TURN, END = "<|pad|>", "<|unknown|>", "<|im_start|>", "<|im_end|>"


def tiny_internvl(folder: Path, *, seed: int = 0) -> Path:
    """InternVL: a frame of 28x28 pixels, 4 patches, takes one token between two marks."""
    processor = internvl_processor(28, 1)
    tokenizer = processor.tokenizer
    vision: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2}
    vision |= {"num_hidden_layers": 2, "image_size": [28, 28], "patch_size": [14, 14]}
    config = hf.InternVLConfig(
        vision_config=vision | {"initializer_range": SPREAD},
        text_config={"model_type": "qwen2"} | _text(tokenizer),
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=1,
        tie_word_embeddings=False,
    )
    return _save(folder, hf.InternVLForConditionalGeneration, config, processor, seed)


def internvl_processor(side: int, tokens: int) -> Any:
    """InternVL's processor of frames of side x side pixels that take so many tokens each."""
    marks = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    size = {"height": side, "width": side}
    return hf.InternVLProcessor(
        hf.GotOcr2ImageProcessor(size=size),
        word_tokenizer(marks),
        hf.InternVLVideoProcessor(size=size),
        image_seq_length=tokens,
        chat_template=_chat_template("<IMG_CONTEXT>\n", "<video>\n"),
    )


def tiny_qwen2_5_vl(folder: Path, *, seed: int = 0) -> Path:
    """Qwen2.5-VL: tokens by a frame's size; the frames of a video are merged in twos."""
    tokenizer, ids = _qwen_tokenizer()
    chat = _chat_template(*_qwen_marks())
    size = {"shortest_edge": 28 * 28, "longest_edge": 4 * 28 * 28}
    processor = hf.Qwen2_5_VLProcessor(
        hf.Qwen2VLImageProcessor(size=size),
        tokenizer,
        hf.Qwen2VLVideoProcessor(size=size),
        chat_template=chat,
    )
    vision: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_heads": 2,
        "depth": 2,
    }
    vision |= {"out_hidden_size": 32, "fullatt_block_indexes": [1], "window_size": 56}
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]}
    config = hf.Qwen2_5_VLConfig(
        vision_config=vision | {"initializer_range": SPREAD},
        text_config=_text(tokenizer) | {"rope_parameters": rope},
        **ids,
    )
    return _save(folder, hf.Qwen2_5_VLForConditionalGeneration, config, processor, seed)


def tiny_qwen3_vl(folder: Path, *, seed: int = 0) -> Path:
    """Qwen3-VL: the same with a time before every two frames of a video."""
    tokenizer, ids = _qwen_tokenizer()
    chat = _chat_template(*_qwen_marks())
    size = {"shortest_edge": 32 * 32, "longest_edge": 4 * 32 * 32}
    processor = hf.Qwen3VLProcessor(
        hf.Qwen2VLImageProcessor(size=size, patch_size=16),
        tokenizer,
        hf.Qwen3VLVideoProcessor(size={"shortest_edge": 32 * 32, "longest_edge": 32 * 32 * 64}),
        chat_template=chat,
    )
    vision: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_heads": 2,
        "depth": 2,
    }
    vision |= {"out_hidden_size": 32, "deepstack_visual_indexes": [0]}
    vision |= {"num_position_embeddings": 16, "initializer_range": SPREAD}
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 2, 2]}
    text = _text(tokenizer) | {"rope_parameters": rope, "head_dim": 16}
    config = hf.Qwen3VLConfig(vision_config=vision, text_config=text, **ids)
    return _save(folder, hf.Qwen3VLForConditionalGeneration, config, processor, seed)


def tiny_smolvlm(folder: Path, *, seed: int = 0) -> Path:
    """SmolVLM (its processor needs the package num2words): a frame of 28x28 pixels is one token."""
    marks = {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
        "video_token": "<video>",
    }
    tokenizer = word_tokenizer(marks)
    size = {"size": {"longest_edge": 28}, "max_image_size": {"longest_edge": 28}}
    processor = hf.SmolVLMProcessor(
        hf.SmolVLMImageProcessor(**size),
        tokenizer,
        hf.SmolVLMVideoProcessor(**size),
        image_seq_len=1,
        chat_template=_chat_template("<image>", "<video>"),
    )
    vision: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2}
    vision |= {"num_hidden_layers": 2, "image_size": 28, "patch_size": 14}
    config = hf.SmolVLMConfig(
        vision_config=vision | {"initializer_range": SPREAD},
        text_config={"model_type": "llama"} | _text(tokenizer),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    return _save(folder, hf.SmolVLMForConditionalGeneration, config, processor, seed)


KINDS: dict[str, Callable[[Path], Path]] = {
    "internvl": tiny_internvl,
    "qwen2_5_vl": tiny_qwen2_5_vl,
    "qwen3_vl": tiny_qwen3_vl,
    "smolvlm": tiny_smolvlm,
}


def word_tokenizer(marks: dict[str, str]) -> Any:
    """A token a word or punctuation mark; words it does not know are one and the same."""
    known = dict.fromkeys([*WORDS.split(), *re.findall(r"\w+|[^\w\s]", PROMPT)])
    special = [PADDING, UNKNOWN, TURN, END, *marks.values()]
    numbers = {word: number for number, word in enumerate([*special, *known])}
    tokenizer = Tokenizer(WordLevel(numbers, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = Split(Regex(r"\w+|[^\w\s]"), "removed", invert=True)
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PADDING,
        unk_token=UNKNOWN,
        eos_token=END,
        extra_special_tokens=marks | {"turn_token": TURN},
    )


def _qwen_tokenizer() -> tuple[Any, dict[str, int]]:
    """The tokenizer, and what the model's configuration says of it."""
    names = ("image_pad", "video_pad", "vision_start", "vision_end")
    keys = ("image_token", "video_token", "vision_start_token", "vision_end_token")
    marks = {key: f"<|{name}|>" for key, name in zip(keys, names, strict=True)}
    tokenizer = word_tokenizer(marks)
    ids = {f"{key}_id": tokenizer.convert_tokens_to_ids(mark) for key, mark in marks.items()}
    return tokenizer, ids


def _qwen_marks() -> Iterable[str]:
    return (f"<|vision_start|><|{kind}_pad|><|vision_end|>" for kind in ("image", "video"))


def _chat_template(image: str, video: str) -> str:
    parts = (
        "{% if part.type == 'image' %}" + image + "{% elif part.type == 'video' %}" + video + ""
        "{% else %}{{ part.text }}{% endif %}"
    )
    return (
        "{% for message in messages %}" + TURN + "{{ message.role }}\n"
        "{% for part in message.content %}" + parts + "{% endfor %}" + END + "\n{% endfor %}"
        "{% if add_generation_prompt %}" + TURN + "assistant\n{% endif %}"
    )


def _text(tokenizer: Any) -> dict[str, Any]:
    return {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "vocab_size": len(tokenizer),
        "initializer_range": SPREAD,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _save(folder: Path, kind: Any, config: Any, processor: Any, seed: int) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = kind(config)
    # What published checkpoints come with, and no greedy captioner may follow.
    sampling = {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20}
    model.generation_config.update(**sampling, repetition_penalty=1.05)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=sorted(KINDS), default="internvl")
    arguments = parser.parse_args()
    print(KINDS[arguments.kind](arguments.folder))


if __name__ == "__main__":
    main()
