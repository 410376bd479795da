"""Text encoders with random weights, and tokenizers of words, as local folders."""

from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from pipeline.encoders.torchvision_guard import import_torchvision

import_torchvision()  # before transformers loads a model class

SENTENCE = "a the man woman car dog red blue runs walks falls is on street people fire word"
WORDS = [*SENTENCE.split(), *"人车走。.!?"]
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
SIZES = {"vocab_size": len(MARKS) + len(WORDS), "hidden_size": 16, "num_attention_heads": 2}
LAYERS = {"num_hidden_layers": 2, "intermediate_size": 32}


def write_tokenizer(folder: Path, *, marked: bool = True, longest: int | None = 12) -> None:
    """Lower-case words; `marked` with start, end and padding, else with none of the three."""
    vocabulary = {word: number for number, word in enumerate([*MARKS, *WORDS])}
    own = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    own.normalizer = normalizers.BertNormalizer(lowercase=True)  # parts Chinese characters
    own.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    named = {"unk_token": "[UNK]"}
    if marked:
        own.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
        named |= {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    length = {} if longest is None else {"model_max_length": longest}
    transformers.PreTrainedTokenizerFast(tokenizer_object=own, **named, **length).save_pretrained(
        folder
    )


def write_model(folder: Path, model: type, config: transformers.PretrainedConfig) -> Path:
    """A model with seeded weights, of a spread that makes texts differ."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        own = model(config)
        for weights in own.parameters():
            torch.nn.init.normal_(weights, std=0.3)
    own.save_pretrained(folder)
    return folder


def bert(folder: Path, *, longest: int | None = 12) -> Path:
    """Reads both ways; 24 positions."""
    write_tokenizer(folder, longest=longest)
    config = transformers.BertConfig(**SIZES, **LAYERS, max_position_embeddings=24)
    return write_model(folder, transformers.BertModel, config)


def roberta(folder: Path) -> Path:
    """Counts positions from behind the padding token's: of 24 it has 23 for text."""
    write_tokenizer(folder, longest=None)
    config = transformers.RobertaConfig(
        **SIZES, **LAYERS, max_position_embeddings=24, pad_token_id=0, type_vocab_size=1
    )
    return write_model(folder, transformers.RobertaModel, config)


def gpt2(folder: Path) -> Path:
    """Reads forward only; its tokenizer knows no start, end or padding."""
    write_tokenizer(folder, marked=False)
    config = transformers.GPT2Config(
        vocab_size=SIZES["vocab_size"], n_embd=16, n_head=2, n_layer=2, n_positions=24
    )
    return write_model(folder, transformers.GPT2Model, config)


def t5(folder: Path) -> Path:
    """An encoder with a decoder that is not asked; no limit of its own."""
    write_tokenizer(folder, longest=None)
    config = transformers.T5Config(
        vocab_size=SIZES["vocab_size"], d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2
    )
    return write_model(folder, transformers.T5Model, config)
