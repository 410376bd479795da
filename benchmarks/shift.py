"""MoTAR's adaptive shift beside the straightforward way, with masks of floats.

`python -m benchmarks.shift` prints, for the features of 64 videos of 32 snippets with 768 + 768
and with 4,096 channels, the median time of a plain copy of them, and as a multiple of it the
forward pass, and the forward and backward pass (gradient to the ratio alone), of both ways. They
take turns, so that drift hits all alike.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from pipeline.config import Motar
from pipeline.models.shift import AdaptiveShift

T, WIDTHS = 32, ([768, 768], [4096])
SETTINGS = Motar(
    fold=4,
    shift="straight_through",
    temperature=0.1,
    edges="replicate",
    per_modality=True,
    layers=0,
    heads=1,
    dropout=0.0,
)
CLONE, OURS, MASKS = "clone", "ours", "masks"


class MaskShift(nn.Module):
    """Equations 2 and 3 written down as they are read; edges `replicate`, `straight_through`."""

    position: Tensor
    most: Tensor

    def __init__(self, widths: Sequence[int], settings: Motar) -> None:
        super().__init__()
        self.temperature = settings.temperature
        size = torch.cat([torch.full((width,), width) for width in widths])
        position = torch.cat([torch.arange(width) for width in widths])
        self.register_buffer("position", position.float())  # (D,)
        self.register_buffer("most", size / settings.fold)  # (D,) D_m / K

    def masks(self, ratio: Tensor) -> tuple[Tensor, Tensor]:
        """Shares (B, T, D) taken from the previous and from the next snippet."""
        amount = ratio[..., None] * self.most  # (B, T, D), s_t before the floor
        whole = amount.detach().floor()
        previous = (self.position < whole).to(ratio.dtype)
        following = (self.position < 2 * whole).to(ratio.dtype) - previous
        softness = self.temperature * self.most
        centre = self.position + 0.5
        soft_previous = ((amount - centre) / softness).sigmoid()
        soft_following = ((2 * amount - centre) / softness).sigmoid() - soft_previous
        return (
            previous + (soft_previous - soft_previous.detach()),
            following + (soft_following - soft_following.detach()),
        )

    def forward(self, features: Tensor, ratio: Tensor) -> Tensor:
        """Features (B, T, D) and ratios (B, T) -> shifted features (B, T, D)."""
        previous = torch.cat([features[:, :1], features[:, :-1]], dim=1)  # x_(t-1)
        following = torch.cat([features[:, 1:], features[:, -1:]], dim=1)  # x_(t+1)
        from_previous, from_following = self.masks(ratio)
        return (
            features
            + from_previous * (previous - features)
            + from_following * (following - features)
        )


def seconds(function: Callable[[], object], device: torch.device) -> float:
    """Wall seconds of one call, its work on the device included."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def contenders(
    widths: Sequence[int], batch: int, device: torch.device
) -> dict[tuple[str, str], Callable[[], object]]:
    """What is timed, by pass and way, on the same random features and ratios."""
    features, upstream = (torch.randn(batch, T, sum(widths), device=device) for _ in range(2))
    fixed = torch.rand(batch, T, device=device)
    trained = fixed.clone().requires_grad_()
    ours = AdaptiveShift(widths, SETTINGS).to(device)
    masks = MaskShift(widths, SETTINGS).to(device)

    def train(shift: nn.Module) -> None:
        trained.grad = None
        shift(features, trained).backward(upstream)

    return {
        ("", CLONE): features.clone,
        ("forward", OURS): lambda: ours(features, fixed),
        ("forward", MASKS): lambda: masks(features, fixed),
        ("forward + backward", OURS): lambda: train(ours),
        ("forward + backward", MASKS): lambda: train(masks),
    }


def report(widths: Sequence[int], batch: int, repeat: int, device: torch.device) -> None:
    """Print one size: a line for the copy, then one a pass."""
    functions = contenders(widths, batch, device)
    times: dict[tuple[str, str], list[float]] = {name: [] for name in functions}
    for number in range(repeat + 1):
        for name, function in functions.items():
            took = seconds(function, device)
            if number:  # the first round only warms up
                times[name].append(took)
    median = {name: statistics.median(taken) for name, taken in times.items()}
    unit = median["", CLONE]
    print(f"\nB {batch}, T {T}, D {'+'.join(map(str, widths))}: clone {1e3 * unit:.2f} ms")
    for way in ("forward", "forward + backward"):
        ours, masks = median[way, OURS], median[way, MASKS]
        print(
            f"  {way:18} ours {ours / unit:6.1f} clones, masks {masks / unit:6.1f} clones:", end=""
        )
        print(f" masks / ours {masks / ours:5.1f}")


def main() -> None:
    """Read the options, say where this runs, and print both sizes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch", type=int, default=64, help="videos")
    parser.add_argument("--repeat", type=int, default=15, help="rounds, of which the median")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{name}, {options.threads} threads of {os.cpu_count()} CPUs,", end=" ")
    print(f"load {os.getloadavg()[0]:.1f}; median of {options.repeat}")
    for widths in WIDTHS:
        report(widths, options.batch, options.repeat, device)
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
