"""A tiny model folder with remote code, made offline: what the official model's folder looks like.

`python -m tests.encoders.captioners.remote_model FOLDER` makes one to try the backend with.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

CODE = Path(__file__).parent / "remote_code"
SPECIAL = ("<pad>", "<img>", "</img>", "<IMG_CONTEXT>", "<|im_start|>", "<|im_end|>")
CHARACTERS = [chr(code) for code in range(32, 127)] + ["\n"]
WIDTH, LAYERS, HEADS, INNER = 32, 2, 2, 64
SIDE, TOKENS_PER_FRAME, BANDS = 28, 2, 4
N_TOKENS = len(CHARACTERS) + len(SPECIAL)


def tiny_chat(folder: Path, kind: str = "TinyBatchChat") -> Path:
    """Make the folder of a model of a class of `remote_code/modeling_tiny.py`; random weights."""
    folder.mkdir(parents=True)
    for source in CODE.glob("*.py"):
        shutil.copy(source, folder)
    (folder / "config.json").write_text(json.dumps(_config(kind)))
    save_file(_weights(), folder / "model.safetensors", {"format": "pt"})
    _tokenizer().save(str(folder / "tokenizer.json"))
    names = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    return folder


def _config(kind: str) -> dict[str, object]:
    return {
        "model_type": "tiny_chat",
        "architectures": [kind],
        "auto_map": {
            "AutoConfig": "configuration_tiny.TinyChatConfig",
            "AutoModel": f"modeling_tiny.{kind}",
        },
        "force_image_size": SIDE,
        "num_image_token": TOKENS_PER_FRAME,
        "llm_config": {
            "vocab_size": N_TOKENS,
            "hidden_size": WIDTH,
            "intermediate_size": INNER,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "num_key_value_heads": HEADS,
            "pad_token_id": 0,
            "bos_token_id": None,
            "eos_token_id": SPECIAL.index("<|im_end|>"),
        },
    }


def _weights() -> dict[str, torch.Tensor]:
    """Seeded, and large: the model's answers change with all it sees."""
    random = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=random) * 3 / shape[-1] ** 0.5

    weights = {
        "language_model.model.embed_tokens.weight": normal(N_TOKENS, WIDTH),
        "language_model.model.norm.weight": torch.ones(WIDTH),
        "language_model.lm_head.weight": normal(N_TOKENS, WIDTH),
        "seen.weight": normal(WIDTH * TOKENS_PER_FRAME, 3 * BANDS * BANDS),
        "seen.bias": normal(WIDTH * TOKENS_PER_FRAME),
        "merged.weight": normal(WIDTH, WIDTH),
        "merged.bias": normal(WIDTH),
    }
    for layer in range(LAYERS):
        prefix = f"language_model.model.layers.{layer}"
        for name in ("q", "k", "v", "o"):
            weights[f"{prefix}.self_attn.{name}_proj.weight"] = normal(WIDTH, WIDTH)
        weights[f"{prefix}.mlp.gate_proj.weight"] = normal(INNER, WIDTH)
        weights[f"{prefix}.mlp.up_proj.weight"] = normal(INNER, WIDTH)
        weights[f"{prefix}.mlp.down_proj.weight"] = normal(WIDTH, INNER)
        weights[f"{prefix}.input_layernorm.weight"] = torch.ones(WIDTH)
        weights[f"{prefix}.post_attention_layernorm.weight"] = torch.ones(WIDTH)
    return weights


def _tokenizer() -> Tokenizer:
    """A token a character, and the special ones."""
    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *CHARACTERS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=" "))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    return tokenizer


if __name__ == "__main__":
    print(tiny_chat(Path(sys.argv[1])))
