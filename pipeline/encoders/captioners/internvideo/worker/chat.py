"""The model, and how it is asked: as its authors do, many snippets at a time where it can."""

import sys
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModel, AutoTokenizer

Frame: TypeAlias = npt.NDArray[np.uint8]  # (side, side, 3)
Frames: TypeAlias = npt.NDArray[np.uint8]  # (K, side, side, 3)

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's
IMAGE = "<image>"


def question(prompt: str, n_frames: int) -> str:
    """The authors' form: a line for each frame, then the prompt."""
    return "".join(f"Frame{i + 1}: {IMAGE}\n" for i in range(n_frames)) + prompt


def written_out(asked: str, n_frames: int, tokens_per_frame: int) -> str:
    """`asked` with the placeholders of all frames but the first replaced as `chat` would.

    `batch_chat` replaces one placeholder of each question and leaves the others as they are; with
    this the query that reaches the tokenizer is that of `chat`, character for character.
    """
    before, first, after = asked.partition(IMAGE)
    frame = f"<img>{'<IMG_CONTEXT>' * tokens_per_frame}</img>"
    return before + first + after.replace(IMAGE, frame, n_frames - 1)


class Listening:
    """A tokenizer that keeps what it is asked to encode."""

    def __init__(self, tokenizer: Any) -> None:
        self.__dict__.update(tokenizer=tokenizer, queries=[])

    def __call__(self, text: Any, **settings: Any) -> Any:
        """Encode a text or a list of them."""
        self.queries.append(text)
        return self.tokenizer(text, **settings)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tokenizer, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.tokenizer, name, value)


class Chat:
    """A model with the `chat` of InternVL's remote code, and perhaps its `batch_chat`."""

    BROKEN = torch.AcceleratorError  # the GPU is of no more use to this process

    def __init__(self, settings: dict[str, Any]) -> None:
        self.device = _device(settings["device"])
        if self.device.type == "cpu":
            torch.set_num_threads(1)  # one process a core is the engine's affair
        self.n_frames = settings["frames"]
        self.dtype = DTYPES[settings["precision"]]
        self.tokenizer, model = _load(settings, self.dtype)
        self.model = _placed(model.eval(), self.device)
        self.side = _side(self.model.config)
        self.question = question(settings["prompt"], self.n_frames)
        self.decoding = {
            "do_sample": False,
            "num_beams": 1,
            "max_new_tokens": settings["max_new_tokens"],
            "repetition_penalty": settings["repetition_penalty"],
        }
        self.most = sys.maxsize  # snippets that fit into memory at a time
        self.batched = self._rehearsed()

    def described(self) -> dict[str, str]:
        """For whoever asks how captions come about."""
        return {"device": str(self.device), "by": "batch_chat" if self.batched else "chat"}

    def captions(self, snippets: Sequence[Frames]) -> list[str]:
        """A caption for each snippet; out of memory: in halves from then on, down to one."""
        found: list[str] = []
        while len(found) < len(snippets):
            part = snippets[len(found) : len(found) + self.most]
            try:
                found += self._ask(part)
                continue
            except RuntimeError as raised:
                if isinstance(raised, self.BROKEN) or not _out_of_memory(raised):
                    raise
                reason = str(raised)
            # Outside of the handler, whose traceback holds on to the tensors.
            self._make_room(len(part), reason)
        return found

    def _make_room(self, n_snippets: int, reason: str) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if n_snippets == 1:
            raise MemoryError(
                "not even one snippet fits into the device's memory beside the model; choose "
                f"caption.precision bf16, fewer caption.frames or a freer device ({reason})"
            )
        self.most = n_snippets // 2
        print(
            f"note: out of memory with {n_snippets} snippets at a time: going on with {self.most}; "
            "a smaller runtime.captions.batch_size avoids the detour"
        )

    @torch.no_grad()
    def _ask(self, snippets: Sequence[Frames]) -> list[str]:
        pixels = self._pixels(snippets)  # (N * K, 3, side, side)
        if self.batched:
            return self._batch_chat(self.tokenizer, pixels, len(snippets), **self.decoding)
        return [
            self._chat(self.tokenizer, own, **self.decoding)
            for own in torch.split(pixels, self.n_frames)
        ]

    def _pixels(self, snippets: Sequence[Frames]) -> torch.Tensor:
        frames = torch.from_numpy(np.concatenate(snippets)).to(self.device)
        mean, std = (
            torch.tensor(values, device=self.device)[:, None, None] for values in (MEAN, STD)
        )
        scaled = frames.permute(0, 3, 1, 2).float() / 255
        return ((scaled - mean) / std).to(self.dtype)

    def _chat(self, tokenizer: Any, pixels: torch.Tensor, **decoding: Any) -> str:
        one_tile_a_frame = [1] * len(pixels)
        caption: str = self.model.chat(
            tokenizer, pixels, self.question, decoding, num_patches_list=one_tile_a_frame
        )
        return caption

    def _batch_chat(
        self, tokenizer: Any, pixels: torch.Tensor, n: int, **decoding: Any
    ) -> list[str]:
        asked = written_out(self.question, self.n_frames, self.model.num_image_token)
        captions: list[str] = self.model.batch_chat(
            tokenizer, pixels, [asked] * n, decoding, num_patches_list=[1] * n
        )
        return captions

    @torch.no_grad()
    def _rehearsed(self) -> bool:
        """Ask about black frames, one token: whether `batch_chat` asks just what `chat` asks.

        A revision of the model's code whose batches differ is asked by `chat`. What `chat` itself
        raises ends the set-up: it would fail every video.
        """
        black = np.zeros((self.n_frames, self.side, self.side, 3), np.uint8)
        alone, together = Listening(self.tokenizer), Listening(self.tokenizer)
        short = self.decoding | {"max_new_tokens": 1}
        self._chat(alone, self._pixels([black]), **short)
        if not isinstance(getattr(self.model, "num_image_token", None), int):
            return False
        if not hasattr(self.model, "batch_chat"):
            return False
        try:
            self._batch_chat(together, self._pixels([black, black]), 2, **short)
        except self.BROKEN:
            raise
        except Exception as error:
            print(f"note: batch_chat fails ({error}): going on with chat, one by one")
            return False
        if together.queries == [alone.queries * 2]:
            return True
        print("note: batch_chat asks something else than chat: going on with chat, one by one")
        return False


def _load(settings: dict[str, Any], dtype: torch.dtype) -> tuple[Any, Any]:
    """Tokenizer and model; raises `RuntimeError` with the way out, also for missing weights."""
    name, revision = settings["model"], settings["revision"]
    pinned = {"revision": revision, "code_revision": revision} if revision else {}
    trusted = {"trust_remote_code": settings["trust_remote_code"]}
    way_out = (
        f"`hf download {name} --revision {revision}` once, where the hub can be reached"
        if revision
        else "look into that folder"
    )
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **pinned, **trusted)
        model, found = AutoModel.from_pretrained(
            name,
            torch_dtype=dtype,
            low_cpu_mem_usage=True,
            output_loading_info=True,
            **pinned,
            **trusted,
        )
    except Exception as error:  # of many kinds: no network, a damaged file, a missing library
        raise RuntimeError(
            f"cannot load {name}: {type(error).__name__}: {error}; {way_out}"
        ) from error
    if lacking := sorted(found["missing_keys"]):  # else they are random, or not there at all
        raise RuntimeError(
            f"{name} lacks {len(lacking)} weights of {type(model).__name__} "
            f"({', '.join(lacking[:3])}, ...); is its download complete? {way_out}"
        )
    return tokenizer, model


def _placed(model: Any, device: torch.device) -> Any:
    try:
        return model.to(device)
    except RuntimeError as error:
        # A GPU that others have filled says so before PyTorch's own allocator is asked.
        if not _out_of_memory(error) and "out of memory" not in str(error):
            raise
        raise MemoryError(
            "the model does not fit into the device's memory beside what else is there; choose "
            f"caption.precision bf16 or a freer device ({error})"
        ) from error


def _device(wanted: str) -> torch.device:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise RuntimeError(
            f"the pipeline's torch sees a GPU, but that of {sys.executable} sees none; "
            "set runtime.device to cpu, or install a build of torch for your GPU there"
        )
    return torch.device(wanted)


def _side(config: Any) -> int:
    """Height and width of a frame in pixels, as the model was trained with: 448 of the official."""
    return int(config.force_image_size or config.vision_config.image_size)


def _out_of_memory(error: RuntimeError) -> bool:
    """PyTorch's own error, or cuBLAS failing to get its workspace."""
    return isinstance(error, torch.OutOfMemoryError) or "CUBLAS_STATUS_ALLOC_FAILED" in str(error)
