"""What a vision-language model is asked: frames and a prompt as its processor wants them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import simplejpeg
import torch
from PIL import Image

from pipeline.config import TransformersCaption
from pipeline.encoders import pinned
from pipeline.encoders.captioners.snippets import evenly
from pipeline.encoders.precision import DTYPES
from pipeline.encoders.torchvision_guard import import_torchvision
from pipeline.engine import FatalError
from pipeline.errors import UserError

import_torchvision()
from transformers import AutoProcessor  # noqa: E402  (the guard must run first)

# A frames piece has no clock. Models that write times beside a video's frames are told the pace at
# which most of them were trained.
FRAMES_A_SECOND = 2.0

# What processors call cutting a large picture into tiles, for documents and fine print. A frame is
# one picture of eight: InternVL would make up to 13 of each, and a prompt of 26,000 tokens.
TILING = ("crop_to_patches", "do_image_splitting", "do_pan_and_scan")

PROBE = (48, 64)  # height and width of the pictures that show whether frames arrive

Picture = npt.NDArray[np.uint8]  # (H, W, 3)


class Asking:
    """From snippets to the model's inputs for a batch of them, on the CPU."""

    def __init__(self, settings: TransformersCaption) -> None:
        """Load the processor; raises `FatalError` when it cannot be had or loses frames."""
        self.settings = settings
        with pinned.loading(settings.model, settings.revision):
            self.processor = AutoProcessor.from_pretrained(  # type: ignore[no-untyped-call]
                settings.model, **pinned.where(settings.revision), trust_remote_code=False
            )
            self.tokenizer = self.processor.tokenizer
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token  # masked, so any would do
        self.options = _options(self.processor)
        self._check_that_every_frame_arrives()

    def __call__(self, snippets: Sequence[Sequence[bytes]]) -> dict[str, torch.Tensor]:
        """The inputs for snippets of JPEG frames; a `UserError` for a frame that is broken."""
        count = self.settings.frames
        return self.inputs([[_decode(jpeg) for jpeg in evenly(own, count)] for own in snippets])

    def inputs(self, snippets: Sequence[Sequence[Picture]]) -> dict[str, torch.Tensor]:
        """The inputs for snippets of `frames` pictures each; prompts are padded on the left."""
        options = dict(self.options)
        if self.settings.frames_as == "video":
            options["video_metadata"] = [_clock(len(pictures)) for pictures in snippets]
        found = self.processor.apply_chat_template(
            [[{"role": "user", "content": self._content(own)}] for own in snippets],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs=options,
        )
        dtype = DTYPES[self.settings.precision]  # cast here, in the thread that has the time
        return {
            name: value.to(dtype) if value.is_floating_point() else value
            for name, value in found.items()
        }

    def _content(self, pictures: Sequence[Picture]) -> list[dict[str, Any]]:
        question = {"type": "text", "text": self.settings.prompt}
        if self.settings.frames_as == "images":
            frames = [{"type": "image", "image": Image.fromarray(own)} for own in pictures]
            return [*frames, question]
        if len({picture.shape for picture in pictures}) > 1:
            raise UserError(
                "a snippet's frames are of several sizes and so no video; "
                "choose caption.frames_as: images"
            )
        return [{"type": "video", "video": np.stack(pictures)}, question]

    def _check_that_every_frame_arrives(self) -> None:
        """Processors thin out videos, and templates pass over what they do not know, in silence.

        So each frame in turn is changed, and must change what the model is given.
        """
        count, rng = self.settings.frames, np.random.default_rng(0)
        pictures = list(rng.integers(0, 256, (count, *PROBE, 3), np.uint8))
        problem = "its processor takes no prompt of several frames"
        try:
            plain = self.inputs([pictures])
            for number in range(count):
                changed = [*pictures[:number], 255 - pictures[number], *pictures[number + 1 :]]
                if _same(plain, self.inputs([changed])):
                    problem = f"frame {number + 1} of {count} does not reach the model"
                    raise ValueError(problem)
        except Exception as error:  # whatever a processor makes of it
            way_out = "choose other caption.frames or caption.frames_as, or another model"
            asked = f"{self.settings.model} with frames as {self.settings.frames_as}"
            raise FatalError(f"{asked}: {problem} ({error}); {way_out}") from error


def _options(processor: Any) -> dict[str, Any]:
    """Arguments of the processor: every frame, whole; prompts end together, where answers begin."""
    images = getattr(processor, "image_processor", None)
    tiling = {name: False for name in TILING if hasattr(images, name)}
    videos: dict[str, Any] = {"do_sample_frames": False}
    if hasattr(getattr(processor, "video_processor", None), "cap_pixels_per_frame"):
        videos["cap_pixels_per_frame"] = True  # as the model's authors do; unset, it warns
    return {
        "text_kwargs": {"padding": True, "padding_side": "left"},
        "images_kwargs": tiling,
        "videos_kwargs": videos,
    }


def _clock(count: int) -> dict[str, Any]:
    return {
        "total_num_frames": count,
        "fps": FRAMES_A_SECOND,
        "duration": count / FRAMES_A_SECOND,
        "frames_indices": list(range(count)),
    }


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def _decode(jpeg: bytes) -> Picture:
    try:
        return np.asarray(simplejpeg.decode_jpeg(jpeg, colorspace="RGB"))
    except ValueError as error:
        raise UserError(
            f"a sampled frame is no whole JPEG ({error}); `dvc repro -f decode` mends it"
        ) from error
