"""From a JPEG's pixels to the image tower's input, on the device that encodes.

The same picture as open_clip's transform gives, which works through Pillow: the shortest side is
resized, the centre cut out, each channel normalised. Pillow resizes rows first, rounds to grey
levels, then resizes columns and rounds again. PyTorch's uint8 kernel of the CPU does the same; its
floating-point kernel (the only one on a GPU) does both at once and lies up to 20 grey levels
off at sharp edges, so that there it is called twice, with the rounding between.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Self

import torch
from torch.nn.functional import interpolate

from pipeline.errors import UserError

# What of this file a cache key must hold: change it when the same frames give other inputs.
METHOD = "resized on the device, rows then columns, each rounded to grey levels"


@dataclass(frozen=True)
class Preprocess:
    """What a model expects: a square of `size` pixels, `mean` and `std` per channel of 0..1."""

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str

    @classmethod
    def of(cls, config: dict[str, Any], model: str) -> Self:
        """From open_clip's preprocessing configuration; `UserError` for one that is not done."""
        size = config["size"]
        height, width = (size, size) if isinstance(size, int) else size
        if config["resize_mode"] != "shortest" or height != width:
            raise UserError(
                f"clip.model: '{model}' wants images of {height}x{width} resized by "
                f"'{config['resize_mode']}'; only squares cut from the shortest side are supported"
            )
        if config["interpolation"] not in ("bicubic", "bilinear"):
            raise UserError(
                f"clip.model: '{model}' wants '{config['interpolation']}' interpolation; "
                "only bicubic and bilinear are supported"
            )
        mean, std = tuple(config["mean"]), tuple(config["std"])
        return cls(height, mean, std, config["interpolation"])

    def identity(self) -> dict[str, Any]:
        """All that decides the encoder's input, for a cache key."""
        return asdict(self) | {"method": METHOD}

    def __call__(self, groups: Sequence[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
        """Input (N, 3, size, size) from pictures (n, H, W, 3) uint8; H and W differ by group."""
        return torch.cat([self._group(pixels) for pixels in groups]).to(dtype)

    def _group(self, pixels: torch.Tensor) -> torch.Tensor:
        levels = grey_levels(pixels, self.size, self.interpolation)  # (n, 3, size, size)
        mean, std = _per_channel(self.mean, pixels.device), _per_channel(self.std, pixels.device)
        flat = levels.to(torch.float32, memory_format=torch.contiguous_format)
        return flat.sub_(mean).div_(std)


@cache
def _per_channel(values: tuple[float, ...], device: torch.device) -> torch.Tensor:
    """Values of 0..1 as grey levels (3, 1, 1); made once, as a copy to a GPU would wait for it."""
    return 255 * torch.tensor(values, device=device).view(-1, 1, 1)


def grey_levels(pixels: torch.Tensor, size: int, mode: str) -> torch.Tensor:
    """The centre (n, 3, size, size) of pictures (n, H, W, 3) uint8 resized to that shortest side.

    uint8 on a CPU, whole numbers in float32 elsewhere.
    """
    _, height, width, _ = pixels.shape
    short = min(height, width)
    target = size * height // short, size * width // short  # as torchvision's Resize
    resize = resize_whole if pixels.device.type == "cpu" else resize_in_passes
    resized = resize(pixels.permute(0, 3, 1, 2), target, mode)
    top, left = (round((extent - size) / 2) for extent in target)  # as its CenterCrop
    return resized[:, :, top : top + size, left : left + size]


def resize_whole(images: torch.Tensor, target: tuple[int, int], mode: str) -> torch.Tensor:
    """Images (n, 3, H, W) uint8 at another size, by the uint8 kernel of the CPU."""
    return interpolate(images, target, mode=mode, antialias=True)


def resize_in_passes(images: torch.Tensor, target: tuple[int, int], mode: str) -> torch.Tensor:
    """The same in float32, for devices without such a kernel."""
    height, width = target
    levels = images.float()
    for step in ((images.shape[2], width), (height, width)):
        if tuple(levels.shape[2:]) != step:
            levels = interpolate(levels, step, mode=mode, antialias=True).clamp_(0, 255).round_()
    return levels
