"""The `transformers` captioner from frames on disk to captions in a store, against bare `generate`.

`python -m benchmarks.captions` prints captions a second by batch size: end to end (through
`SnippetCaptions`, as a worker of the stage runs it: pieces of 320x240 JPEGs of quality 90 read from
disk, captions saved) and of `generate` alone on inputs that lie prepared in memory, on the device.
Same process, model and batches; the two take turns, so that a busy machine slows both, and the
share is the median of the turns. The tiny model takes less time than preparing its inputs;
`--size small` is for a CPU, `1b` and `8b` are of InternVL3's sizes, for a GPU, all with random
weights. Every answer has exactly `--new-tokens` tokens.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from benchmarks.clip import HEIGHT, PER_SNIPPET, WIDTH, seconds, write_frames
from pipeline import config, pieces, tables
from pipeline.config import Runtime, TransformersCaption
from pipeline.encoders.captioners.captioner import SnippetCaptions
from pipeline.encoders.captioners.native import NativeCaptioner, answering
from pipeline.encoders.captioners.snippets import CaptionSource, read
from pipeline.encoders.precision import DTYPES
from tests.encoders.captioners import tiny_vlm

hf: Any = tiny_vlm.hf  # transformers, imported behind the guard of torchvision

# InternVL3-1B and 8B: InternViT-300M before Qwen2.5 of 0.5 and 7 billion parameters.
VOCABULARY = 151_674
SIZES: dict[str, dict[str, Any]] = {
    # For a CPU: generating takes several times as long as preparing, which must not be seen.
    "small": {
        "hidden_size": 512,
        "intermediate_size": 2048,
        "num_hidden_layers": 4,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
        "vocab_size": 2048,
    },
    "1b": {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
    },
    "8b": {
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
    },
}
FRAMES = {"small": (56, 4)}  # of a frame: pixels of its side, and tokens in the prompt
REAL_FRAMES = (448, 256)
SMALL_VISION = {
    "image_size": [56, 56],
    "hidden_size": 256,
    "intermediate_size": 1024,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
}
TURN = tuple[float, float]  # seconds: of the clock, of CPU time


def write_model(folder: Path, size: str) -> None:
    """A model's folder; of the large sizes without the weights."""
    if size == "tiny":
        tiny_vlm.tiny_internvl(folder)
        return
    processor = tiny_vlm.internvl_processor(*FRAMES.get(size, REAL_FRAMES))
    processor.save_pretrained(folder)
    real_config(size, processor.tokenizer).save_pretrained(folder)


def real_config(size: str, tokenizer: Any) -> Any:
    """The configuration of a model; the vision part of a large one is the class's default."""
    text = {"model_type": "qwen2", "vocab_size": VOCABULARY, "max_position_embeddings": 32768}
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    return hf.InternVLConfig(
        text_config=text | SIZES[size] | ends | {"bos_token_id": None},
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        tie_word_embeddings=False,
        **({"vision_config": SMALL_VISION} if size == "small" else {}),
    )


def random_model(settings: TransformersCaption, device: torch.device) -> Any:
    """The folder's model with random weights, made on the device: none are read or copied.

    On a CPU with one thread, as `answering.load` leaves it.
    """
    if device.type == "cpu":
        torch.set_num_threads(1)
    dtype = DTYPES[settings.precision]
    made = hf.AutoConfig.from_pretrained(settings.model)
    with device:
        model = hf.AutoModelForImageTextToText.from_config(made, dtype=dtype)
    return model.eval().requires_grad_(False)


@dataclass
class Bench:
    """A captioner, the frames pieces it is given, and the model's inputs for one of them."""

    captions: SnippetCaptions
    sources: list[CaptionSource]

    @property
    def captioner(self) -> NativeCaptioner:
        """The captioner behind the pieces."""
        assert isinstance(self.captions.captioner, NativeCaptioner)
        return self.captions.captioner

    def whole(self) -> None:
        """Caption all videos and save the pieces."""
        with tempfile.TemporaryDirectory() as folder:
            store = pieces.Store(Path(folder), "caption", tables.CAPTION_PIECE)
            for position, piece in self.captions(self.sources):
                if isinstance(piece, Exception):
                    raise piece
                store.save(self.sources[position].video_id, piece)

    def bare(self, batches: Sequence[dict[str, torch.Tensor]]) -> None:
        """Generate for all videos; `batches` are the inputs of one."""
        with torch.no_grad():
            for _ in self.sources:
                for inputs in batches:
                    self.captioner.answering.model.generate(**inputs)

    def batches(self) -> Iterator[list[list[bytes]]]:
        """The first video's snippets as the captioner cuts them."""
        images, size = read(self.sources[0]).images, self.captioner.answering.batch_size
        for first in range(0, len(images), size):
            yield [list(own) for own in images[first : first + size]]


def build(arguments: argparse.Namespace, folder: Path, runtime: Runtime) -> Bench:
    """The model, and frames pieces of noisy pictures."""
    write_model(folder / "model", arguments.size)
    settings = TransformersCaption(
        backend="transformers",
        model=str(folder / "model"),
        precision=arguments.precision,
        frames=PER_SNIPPET,
        max_new_tokens=arguments.new_tokens,
    )
    load = answering.load if arguments.size == "tiny" else random_model
    with mock.patch.object(answering, "load", load):
        captions = SnippetCaptions(settings, runtime)
    sources = []
    for number in range(arguments.videos):
        path = folder / f"{number}.parquet"
        write_frames(path, arguments.snippets, number)
        sources.append(CaptionSource(str(number), path))
    bench = Bench(captions, sources)
    bench.captioner.answering.model.generation_config.min_new_tokens = arguments.new_tokens
    return bench


def measure(bench: Bench, size: int, turns: int) -> str:
    """A line on one batch size."""
    own = bench.captioner
    own.answering.batch_size = size
    parts = list(bench.batches())
    inputs = [own.asking(part) for part in parts]
    device = own.answering.device
    ready = [{k: v.to(device) for k, v in given.items()} for given in inputs]
    taken: dict[Callable[[], None], list[TURN]] = {partial(bench.bare, ready): [], bench.whole: []}
    n_video = sum(map(len, parts))
    count = n_video * len(bench.sources)
    prepared = []
    for _ in range(turns):
        prepared.append(seconds(lambda: [own.asking(part) for part in parts], device))
        for function, times in taken.items():
            times.append(seconds(function, device))
    bare, whole = taken.values()
    shares = [b[0] / w[0] for b, w in zip(bare, whole, strict=True)]
    used = (_cpu(bare, count), _cpu(prepared, n_video), _cpu(whole, count))
    halved = "" if own.answering.batch_size == size else " (out of memory: halved)"
    return (
        f"{size:5} {_rate(bare, count):8.2f} {_rate(prepared, n_video):8.2f}"
        f" {_rate(whole, count):10.2f} {statistics.median(shares):7.1%}"
        f" ({', '.join(f'{share:.0%}' for share in shares)})"
        f"   {', '.join(f'{milliseconds:.1f}' for milliseconds in used)}{halved}"
    )


def _rate(times: Sequence[TURN], count: int) -> float:
    """Captions a second by the clock."""
    return count / statistics.median(turn[0] for turn in times)


def _cpu(times: Sequence[TURN], count: int) -> float:
    """Milliseconds of CPU time a caption."""
    return 1e3 * statistics.median(turn[1] for turn in times) / count


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="tiny", choices=("tiny", *SIZES))
    parser.add_argument("--precision", default="fp32", choices=sorted(DTYPES))
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 4, 16, 32])
    parser.add_argument("--new-tokens", type=int, default=32, help="of each answer, exactly")
    parser.add_argument("--videos", type=int, default=3)
    parser.add_argument("--snippets", type=int, default=32, help=f"of {PER_SNIPPET} frames each")
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    runtime = config.load(Path("params.yaml")).runtime
    runtime = runtime.model_copy(update={"device": arguments.device})
    with tempfile.TemporaryDirectory() as folder:
        bench = build(arguments, Path(folder), runtime)
        model, device = bench.captioner.answering.model, bench.captioner.answering.device
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {name}; {vars(arguments)}")
        print(f"{model.num_parameters():,} parameters; frames of {WIDTH}x{HEIGHT}")
        print("captions a second: bare generate, preparing alone, end to end; CPU ms of each")
        print(
            "batch     bare  prepare end to end   share (turns)   CPU ms: bare, prepare, end to end"
        )
        for size in arguments.batch_sizes:
            print(measure(bench, size, arguments.turns), flush=True)


if __name__ == "__main__":
    main()
