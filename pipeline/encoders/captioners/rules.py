"""`rules`: sentences from measured motion, light and colour. No model, no download.

The offline default: it gives the rest of the pipeline real, varying text on any
machine. It sees no objects and no actions; a vision-language model replaces it for
results that mean anything beyond the demo.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.config import RulesCaption
from pipeline.video.cues import GRID, MOVING, Cues, Floats, measure

VERSION = 1  # raise when a caption changes for the same frames

AMOUNTS = ((0.02, "nothing moves"), (0.12, "something moves"), (0.35, "much moves"))
EVERYTHING_MOVES = "everything moves"
LIGHTS = ((50.0, "dark"), (95.0, "dim"), (160.0, "daylit"))
BRIGHT = "bright"
SPEEDS = ((0.4, "slowly"), (1.2, "steadily"))
FAST = "fast"
VIVID = 70.0  # spread of the RGB channels from which a pixel counts as coloured
HUES = ((0.08, "red"), (0.14, "orange"), (0.21, "yellow"), (0.46, "green"), (0.72, "blue"))
PURPLE, RED = (0.93, "purple"), "red"


class RulesCaptioner:
    """Captions from rules; the same frames always give the same sentence."""

    def __init__(self, settings: RulesCaption) -> None:
        self.settings = settings

    def __call__(self, snippets: Sequence[Sequence[bytes]]) -> list[str]:
        """One sentence for each snippet's JPEG frames."""
        return [describe(measure(jpegs)) for jpegs in snippets]


def describe(cues: Cues) -> str:
    """The sentence for one snippet's cues."""
    parts = [_light(cues), _motion(cues), _sudden(cues), _colour(cues)]
    return ", ".join(part for part in parts if part) + "."


def _grade(value: float, steps: Sequence[tuple[float, str]], beyond: str) -> str:
    return next((word for limit, word in steps if value < limit), beyond)


def _light(cues: Cues) -> str:
    return _grade(float(cues.brightness.mean()), LIGHTS, BRIGHT) + " scene"


def _motion(cues: Cues) -> str:
    """How much moves, where, where to, how fast, and whether directions agree."""
    moving = cues.change > MOVING  # (K-1, rows, columns)
    amount = _grade(float(moving.mean()), AMOUNTS, EVERYTHING_MOVES)
    if amount == AMOUNTS[0][1]:
        return amount
    weight = np.where(moving, cues.change, 0)
    flow = (cues.flow * weight[..., None]).sum(axis=(0, 1, 2)) / weight.sum()
    speed = float((np.linalg.norm(cues.flow, axis=-1) * weight).sum() / weight.sum())
    agreement = float(np.linalg.norm(flow)) / (speed + 1e-6)
    direction = _direction(flow) if agreement > 0.35 else "in different directions"
    return f"{amount} {_grade(speed, SPEEDS, FAST)} {direction} {_where(weight.sum(axis=0))}"


def _direction(flow: Floats) -> str:
    right, down = flow
    if abs(right) >= abs(down):
        return "to the right" if right > 0 else "to the left"
    return "downwards" if down > 0 else "upwards"


def _where(weight: Floats) -> str:
    """The part of the picture that holds the centre of `weight` (rows, columns)."""
    rows, columns = GRID
    total = weight.sum()
    row = float((weight.sum(axis=1) * (np.arange(rows) + 0.5)).sum() / total / rows)
    column = float((weight.sum(axis=0) * (np.arange(columns) + 0.5)).sum() / total / columns)
    vertical = "at the top" if row < 0.4 else "at the bottom" if row > 0.6 else "in the middle"
    side = " left" if column < 0.4 else " right" if column > 0.6 else ""
    return vertical + side


def _sudden(cues: Cues) -> str:
    """A jump of the light, or of the motion between the snippet's halves."""
    jumps = np.diff(cues.brightness)
    jump = float(jumps[np.abs(jumps).argmax()]) if len(jumps) else 0.0
    if abs(jump) > 12:
        return "a flash of light" if jump > 0 else "the light drops"
    per_step = cues.change.mean(axis=(1, 2))
    before, after = np.array_split(per_step, 2)
    if len(after) and after.mean() > 2 * before.mean() + 1:
        return "motion starts suddenly"
    if len(after) and before.mean() > 2 * after.mean() + 1:
        return "motion stops suddenly"
    return ""


def _colour(cues: Cues) -> str:
    """The commonest vivid colour and where it lies, when there is a visible patch of one."""
    low, high = cues.colour.min(axis=-1), cues.colour.max(axis=-1)
    vivid = high - low > VIVID
    if vivid.mean() < 0.01:
        return ""
    hues = _hue(cues.colour[vivid])
    names = [_grade(hue, (*HUES, PURPLE), RED) for hue in hues]
    name = max(sorted(set(names)), key=names.count)
    size = "a large" if vivid.mean() > 0.08 else "a small"
    patch = np.zeros(vivid.shape, dtype=np.float32)
    patch[vivid] = [found == name for found in names]
    rows = np.add.reduceat(patch, np.arange(GRID[0]) * patch.shape[0] // GRID[0], axis=0)
    cells = np.add.reduceat(rows, np.arange(GRID[1]) * patch.shape[1] // GRID[1], axis=1)
    return f"{size} {name} patch {_where(cells)}"


def _hue(pixels: Floats) -> Floats:
    """Hue in [0, 1) of RGB pixels (N, 3) whose channels differ."""
    red, green, blue = pixels.T
    high, low = pixels.max(axis=1), pixels.min(axis=1)
    spread = high - low
    sector = np.select(
        [high == red, high == green],
        [(green - blue) / spread, 2 + (blue - red) / spread],
        4 + (red - green) / spread,
    )
    return np.asarray(sector / 6 % 1, dtype=np.float32)
