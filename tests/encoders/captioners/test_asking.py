"""What of a snippet's frames and of the prompt reaches a model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.config import TransformersCaption
from pipeline.encoders.captioners.native.asking import Asking
from pipeline.engine import FatalError
from pipeline.errors import UserError
from tests.encoders.captioners.tiny_vlm import tiny_internvl, tiny_qwen2_5_vl
from tests.encoders.pictures import jpeg, noise

MEAN = np.array([0.48145466, 0.4578275, 0.40821073])  # OpenAI's, which the tiny models use
STD = np.array([0.26862954, 0.26130258, 0.27577711])
LEVELS = (10, 50, 90, 130, 170, 210, 230, 250)  # of grey: one a frame


@pytest.fixture(scope="module")
def internvl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_internvl(tmp_path_factory.mktemp("internvl"))


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_qwen2_5_vl(tmp_path_factory.mktemp("qwen"))


def asking(folder: Path, **changes: Any) -> Asking:
    given = {"frames": 4, "precision": "fp32"} | changes
    return Asking(TransformersCaption(backend="transformers", model=str(folder), **given))


def grey(level: int, size: tuple[int, int] = (28, 28)) -> bytes:
    return jpeg(np.full((size[1], size[0], 3), level, np.uint8))


def levels(pixel_values: torch.Tensor) -> list[int]:
    """The grey level of each frame (N, 3, H, W), as it was before normalisation."""
    means = pixel_values.mean(dim=(2, 3)).numpy() * STD + MEAN
    return [round(255 * float(mean.mean())) for mean in means]


@pytest.mark.parametrize("frames_as", ["images", "video"])
def test_the_chosen_frames_reach_the_model_in_order(internvl: Path, frames_as: str) -> None:
    snippets = [[grey(level) for level in own] for own in (LEVELS, LEVELS[::-1])]
    inputs = asking(internvl, frames_as=frames_as)(snippets)
    wanted = [LEVELS[1], LEVELS[3], LEVELS[5], LEVELS[7]]
    backwards = [LEVELS[6], LEVELS[4], LEVELS[2], LEVELS[0]]
    assert inputs["pixel_values"].shape == (8, 3, 28, 28)
    assert levels(inputs["pixel_values"]) == wanted + backwards


def test_a_video_s_frames_are_merged_in_twos_and_none_is_dropped(qwen: Path) -> None:
    snippets = [[grey(level) for level in LEVELS]]
    inputs = asking(qwen, frames=8, frames_as="video")(snippets)
    assert inputs["video_grid_thw"].tolist() == [[4, 2, 2]]
    pairs = inputs["pixel_values_videos"].reshape(4, 4, 3, 2, 14, 14)  # time, place, colour, frame
    frames = pairs.mean(dim=1).permute(0, 2, 1, 3, 4).reshape(8, 3, 14, 14)
    assert levels(frames) == list(LEVELS)


def test_a_frame_is_one_picture_and_not_many_tiles(internvl: Path) -> None:
    wide = [[jpeg(noise(number, (320, 120))) for number in range(4)]]
    assert len(asking(internvl)(wide)["pixel_values"]) == 4


def test_prompts_of_unequal_length_are_padded_on_the_left(qwen: Path) -> None:
    own = asking(qwen)
    small, large = [grey(99)] * 4, [grey(99, (56, 56))] * 4
    inputs = own([small, large])
    padding = (inputs["attention_mask"] == 0).sum(dim=1)
    assert padding[0] > 0 and padding[1] == 0
    assert not inputs["attention_mask"][0, : padding[0]].any()
    alone = own([small])["input_ids"][0]
    assert torch.equal(inputs["input_ids"][0, padding[0] :], alone)


def test_the_prompt_is_asked_after_the_frames(internvl: Path) -> None:
    own = asking(internvl, prompt="Where is the fire.")
    text = own.tokenizer.decode(own([[grey(99)] * 4])["input_ids"][0])
    frame = "<img> <IMG_CONTEXT> </img>"
    assert f"user {' '.join([frame] * 4)} Where is the fire ." in text
    assert text.endswith("assistant")


@pytest.mark.parametrize(
    ("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)]
)
def test_pixels_have_the_precision_of_the_weights(
    internvl: Path, precision: str, dtype: torch.dtype
) -> None:
    inputs = asking(internvl, precision=precision)([[grey(99)] * 4])
    assert inputs["pixel_values"].dtype == dtype
    assert inputs["input_ids"].dtype == torch.int64


def test_a_video_needs_frames_of_one_size(internvl: Path) -> None:
    mixed = [[grey(99), grey(99, (56, 56)), grey(99), grey(99)]]
    with pytest.raises(UserError, match=r"several sizes.*frames_as: images"):
        asking(internvl, frames_as="video")(mixed)


def test_a_template_that_passes_over_frames_is_found_out(tmp_path: Path) -> None:
    folder = tiny_internvl(tmp_path / "deaf")
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text().replace("<video>", ""))
    asking(folder)  # images are there still
    with pytest.raises(
        FatalError, match=r"deaf with frames as video: .*choose other caption\.frames"
    ):
        asking(folder, frames_as="video")


def test_a_processor_that_drops_frames_is_found_out(
    internvl: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = Asking.inputs

    def without_the_last(own: Asking, snippets: Any) -> Any:
        return inputs(own, [pictures[:-1] for pictures in snippets])

    monkeypatch.setattr(Asking, "inputs", without_the_last)
    with pytest.raises(FatalError, match="frame 4 of 4 does not reach the model"):
        asking(internvl)


def test_a_folder_without_a_processor_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "internvl"}')
    with pytest.raises(FatalError, match=f"cannot load {tmp_path}: .*look into the folder"):
        asking(tmp_path)
