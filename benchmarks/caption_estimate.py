"""Hours that the captions of a dataset take on a GPU: an estimate, with its derivation.

`python -m benchmarks.caption_estimate`. Per batch of b snippets

    time = b * frames * vision / (peak * compute)           frames through the vision model
         + b * prefill / (peak * compute)                   the prompt through the language model
         + steps * max(read / (bandwidth * memory), b * token / (peak * compute), launch)

with `vision`, `prefill` and `token` in floating-point operations (two for each weight and token,
and attention's own), and `read` the bytes of all weights and of b caches of keys and values. Peaks
are the makers' (dense, bf16), the shares of them that are reached are assumptions. Token merging,
image preparation (it overlaps) and loading are left out.
"""

import argparse
from dataclasses import dataclass, replace

BYTES = 2  # of a bf16 number
CAPTIONS = {"UCF-Crime": 60_000, "XD-Violence": 152_000}


@dataclass(frozen=True)
class Gpu:
    """Peak operations and bytes a second, and bytes of memory."""

    name: str
    peak: float
    bandwidth: float
    memory: float


GPUS = (
    Gpu("A5000", 111e12, 768e9, 24e9),
    Gpu("H100 SXM", 989e12, 3350e9, 80e9),
)


@dataclass(frozen=True)
class Transformer:
    """The shape of a stack of layers; `kv_width` is heads of keys times their width.

    `matrices` of the feed-forward part: 2, or 3 where it is gated.
    """

    layers: int
    width: int
    kv_width: int
    inner: int
    matrices: int = 3

    @property
    def weights(self) -> int:
        """Numbers in the layers' matrices."""
        attention = 2 * self.width * (self.width + self.kv_width)  # queries, output; keys, values
        return self.layers * (attention + self.matrices * self.width * self.inner)

    def operations(self, tokens: int, *, causal: bool) -> float:
        """Of one sequence; a causal mask spares half of the attention."""
        attention = self.layers * 4 * tokens**2 * self.width
        return 2 * self.weights * tokens + (attention / 2 if causal else attention)


@dataclass(frozen=True)
class Model:
    """Vision and language parts, and the tokens of a prompt."""

    name: str
    vision: Transformer
    patches: int  # tokens of a frame inside the vision part
    text: Transformer
    vocabulary: int
    tokens_per_frame: int  # in the prompt
    words_per_frame: int  # tokens such as `Frame3: <img></img>` beside them
    question: int  # tokens of the prompt's text, system line and markers

    @property
    def head(self) -> int:
        """Weights from the last state to the words' scores."""
        return self.text.width * self.vocabulary

    @property
    def weights(self) -> int:
        """All of them, word embeddings included."""
        return self.vision.weights + self.text.weights + 2 * self.head

    def prompt(self, frames: int) -> int:
        """Tokens of a prompt."""
        return frames * (self.tokens_per_frame + self.words_per_frame) + self.question


INTERNVIT = Transformer(layers=24, width=1024, kv_width=1024, inner=4096, matrices=2)
INTERNLM2_5_7B = Transformer(layers=32, width=4096, kv_width=1024, inner=14336)
QWEN3_8B = Transformer(layers=36, width=4096, kv_width=1024, inner=12288)
MODELS = (
    Model("InternVideo2.5 (8.1 B)", INTERNVIT, 1025, INTERNLM2_5_7B, 92_553, 16, 7, 70),
    Model("InternVL3.5-8B-like", INTERNVIT, 1025, QWEN3_8B, 151_936, 256, 7, 40),
)


@dataclass(frozen=True)
class Assumptions:
    """Shares of the peaks that are reached; tokens and seconds."""

    frames: int = 8
    new_tokens: int = 40  # steps of a batch: the length of its longest answer
    compute: float = 0.4  # of the peak operations, in vision and prompt
    memory: float = 0.6  # of the bandwidth, in each step
    launch: float = 0.025  # seconds that Python takes to launch a step's kernels, at least


@dataclass(frozen=True)
class Batch:
    """Seconds of a batch by part, and the bytes it needs."""

    vision: float
    prefill: float
    steps: float
    memory: float

    @property
    def seconds(self) -> float:
        """Of all parts."""
        return self.vision + self.prefill + self.steps


def estimate(model: Model, gpu: Gpu, size: int, assumed: Assumptions) -> Batch:
    """What a batch of `size` snippets takes."""
    rate = gpu.peak * assumed.compute
    prompt = model.prompt(assumed.frames)
    vision = assumed.frames * model.vision.operations(model.patches, causal=False)
    prefill = model.text.operations(prompt, causal=True) + 2 * model.head
    # Half of the answer is written on average when a step reads the cache.
    length = prompt + assumed.new_tokens / 2
    cache = size * length * model.text.layers * 2 * model.text.kv_width * BYTES
    read = (model.text.weights + model.head) * BYTES + cache
    token = (
        2 * (model.text.weights + model.head) + 4 * model.text.layers * length * model.text.width
    )
    step = max(
        read / (gpu.bandwidth * assumed.memory),
        size * token / rate,
        assumed.launch,
    )
    return Batch(
        vision=size * vision / rate,
        prefill=size * prefill / rate,
        steps=assumed.new_tokens * step,
        memory=model.weights * BYTES + cache,
    )


def hours(batch: Batch, size: int, captions: int) -> float:
    """Of a dataset's captions on one GPU."""
    return batch.seconds * captions / size / 3600


def lines(model: Model, assumed: Assumptions, sizes: list[int]) -> list[str]:
    """A model's derivation and table."""
    prompt = model.prompt(assumed.frames)
    frame = model.vision.operations(model.patches, causal=False)
    prefill = model.text.operations(prompt, causal=True)
    found = [
        f"{model.name}: {model.weights / 1e9:.2f} B weights, "
        f"{BYTES * model.weights / 2**30:.1f} GiB",
        f"  a frame: {model.patches} patches, {frame / 1e12:.2f} TFLOP; a prompt: {assumed.frames} "
        f"x ({model.tokens_per_frame} + {model.words_per_frame}) + {model.question} = {prompt} "
        f"tokens, {prefill / 1e12:.2f} TFLOP",
        "  GPU       batch   vision  prefill    steps  captions/s   "
        + "  ".join(f"{name} (h)" for name in CAPTIONS),
    ]
    for gpu in GPUS:
        for size in sizes:
            batch = estimate(model, gpu, size, assumed)
            told = "  ".join(
                f"{hours(batch, size, count):{len(name) + 4}.1f}"
                for name, count in CAPTIONS.items()
            )
            tight = "" if batch.memory < 0.9 * gpu.memory else "  (hardly fits: halve the batch)"
            found.append(
                f"  {gpu.name:9} {size:5} {batch.vision:7.2f}s {batch.prefill:7.2f}s "
                f"{batch.steps:7.2f}s {size / batch.seconds:11.2f}   {told}{tight}"
            )
    return found


def main() -> None:
    """Parse, compute, print."""
    assumed = Assumptions()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=assumed.frames)
    parser.add_argument("--new-tokens", type=int, default=assumed.new_tokens)
    parser.add_argument("--compute", type=float, default=assumed.compute, help="share of the peak")
    parser.add_argument("--memory", type=float, default=assumed.memory, help="share of bandwidth")
    parser.add_argument("--launch", type=float, default=assumed.launch, help="seconds a step")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 16])
    arguments = vars(parser.parse_args())
    sizes = arguments.pop("batch_sizes")
    assumed = replace(assumed, **arguments)
    print((__doc__ or "").split("\n\n", 1)[1])
    for gpu in GPUS:
        print(
            f"{gpu.name}: {gpu.peak / 1e12:g} TFLOP/s dense bf16, {gpu.bandwidth / 1e9:g} GB/s, "
            f"{gpu.memory / 1e9:g} GB"
        )
    print(
        f"assumed: {assumed.frames} frames a snippet, {assumed.new_tokens} steps a batch, "
        f"{assumed.compute:.0%} of the peak, {assumed.memory:.0%} of the bandwidth, "
        f"at least {1e3 * assumed.launch:g} ms a step\n"
    )
    for model in MODELS:
        print("\n".join(lines(model, assumed, sizes)) + "\n")


if __name__ == "__main__":
    main()
