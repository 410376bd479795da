"""Preprocessing on the device against open_clip's own, which works through Pillow."""

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.config import Clip
from pipeline.encoders import clip
from pipeline.encoders.preprocess import Preprocess, grey_levels, resize_in_passes, resize_whole
from pipeline.errors import UserError
from tests.encoders.pictures import noise

TINY = Clip(model="tiny", pretrained="random")
RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}

# Grey levels (of 0..255) by which a component may differ from Pillow's, at worst and on average.
WORST, MEAN = 2, 0.05


def sharp(size: tuple[int, int]) -> np.ndarray:
    """Black and white blocks and noise: the hardest picture to resize."""
    width, height = size
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture[: height // 2, : width // 2] = 0
    picture[: height // 2 : 3, : width // 2] = 255
    return picture


@pytest.mark.parametrize("resize", [resize_whole, resize_in_passes])
@pytest.mark.parametrize("mode", ["bicubic", "bilinear"])
@pytest.mark.parametrize(
    ("size", "target"), [((320, 240), (224, 298)), ((90, 160), (113, 64)), ((40, 30), (224, 298))]
)
def test_resizing_is_pillow_s_within_two_grey_levels(
    resize: object, mode: str, size: tuple[int, int], target: tuple[int, int]
) -> None:
    picture = sharp(size)
    expected = Image.fromarray(picture).resize(target[::-1], RESAMPLING[mode])
    images = torch.from_numpy(picture)[None].permute(0, 3, 1, 2)
    found = resize(images, target, mode)[0].permute(1, 2, 0).numpy()  # type: ignore[operator]
    difference = np.abs(found.astype(float) - np.asarray(expected, float))
    assert difference.max() <= WORST
    assert difference.mean() <= MEAN


def test_one_pass_in_floating_point_would_not_be() -> None:
    picture = sharp((320, 240))
    expected = np.asarray(Image.fromarray(picture).resize((298, 224), RESAMPLING["bicubic"]), float)
    images = torch.from_numpy(picture)[None].permute(0, 3, 1, 2).float()
    once = torch.nn.functional.interpolate(images, (224, 298), mode="bicubic", antialias=True)
    found = once[0].clamp(0, 255).round().permute(1, 2, 0).numpy()
    assert np.abs(found - expected).max() > 5 * WORST


@pytest.mark.parametrize(
    "size", [(80, 60), (60, 80), (64, 64), (65, 64), (333, 127), (30, 20), (64, 301)]
)
def test_the_input_is_that_of_open_clip_s_transform(size: tuple[int, int]) -> None:
    model = clip.build(TINY, torch.device("cpu"))
    transform_of = clip.open_clip.transform.image_transform_v2  # imported behind the guard
    transform = transform_of(clip.PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)
    picture = noise(1, size)
    expected = transform(Image.fromarray(picture))
    found = clip.preprocess(TINY)([torch.from_numpy(picture.copy())[None]], torch.float32)[0]
    assert found.shape == expected.shape
    level = 1 / (255 * min(model.visual.preprocess_cfg["std"]))
    assert (found - expected).abs().max() <= WORST * level
    assert (found - expected).abs().mean() <= MEAN * level


def test_pictures_of_several_sizes_keep_their_order() -> None:
    prepare = clip.preprocess(TINY)
    groups = [
        torch.from_numpy(np.stack([noise(1), noise(2)])),
        torch.from_numpy(sharp((50, 99)))[None],
    ]
    together = prepare(groups, torch.float32)
    assert together.shape == (3, 3, 64, 64)
    alone = [prepare([picture[None]], torch.float32) for group in groups for picture in group]
    assert torch.equal(together, torch.cat(alone))


def test_the_input_has_the_model_s_type() -> None:
    prepare = clip.preprocess(TINY)
    pixels = torch.from_numpy(noise(1).copy())[None]
    assert prepare([pixels], torch.bfloat16).dtype == torch.bfloat16


def test_a_picture_of_the_right_size_is_left_as_it_is() -> None:
    picture = torch.from_numpy(sharp((64, 64)))[None]
    assert torch.equal(grey_levels(picture, 64, "bicubic"), picture.permute(0, 3, 1, 2))
    images = picture.permute(0, 3, 1, 2)
    assert torch.equal(resize_in_passes(images, (64, 64), "bicubic"), images.float())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"resize_mode": "squash"}, "resized by 'squash'"),
        ({"size": (224, 336)}, "224x336"),
        ({"interpolation": "random"}, "'random' interpolation"),
    ],
)
def test_what_is_not_done_is_refused(changed: dict[str, object], message: str) -> None:
    config = {"size": 224, "mean": [0.5] * 3, "std": [0.5] * 3}
    config |= {"interpolation": "bicubic", "resize_mode": "shortest"}
    assert Preprocess.of(config, "m").size == 224
    with pytest.raises(UserError, match=message):
        Preprocess.of(config | changed, "m")


def test_the_configuration_of_real_models_is_known_without_building_them() -> None:
    openai = clip.preprocess(Clip(model="ViT-L-14-quickgelu", pretrained="openai"))
    assert (openai.size, openai.interpolation) == (224, "bicubic")
    assert openai.mean == pytest.approx((0.4815, 0.4578, 0.4082), abs=1e-4)
    assert openai.std == pytest.approx((0.2686, 0.2613, 0.2758), abs=1e-4)
    assert clip.preprocess(Clip(model="ViT-L-14-336", pretrained="random")).size == 336
    own = clip.preprocess(Clip(model="ViT-L-14", pretrained="laion2b_s32b_b82k"))
    assert own.mean == (0.5, 0.5, 0.5)
