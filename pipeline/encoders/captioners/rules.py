"""`rules`: sentences from measured motion, light and colour. No model, no download.

The offline default: it gives the rest of the pipeline real, varying text on any
machine. It sees no objects and no actions; a vision-language model replaces it for
results that mean anything beyond the demo.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from pipeline.config import RulesCaption, Runtime
from pipeline.digests import installed
from pipeline.encoders.captioners.snippets import Snippets, one_by_one
from pipeline.video.cues import MOVING, Cues, Floats, measure

VERSION = 1  # raise when a caption changes for the same frames

AMOUNTS = ((0.02, "nothing moves"), (0.12, "something moves"), (0.35, "much moves"))
EVERYTHING_MOVES = "everything moves"
LIGHTS = ((50.0, "dark"), (95.0, "dim"), (160.0, "daylit"))
BRIGHT = "bright"
SPEEDS = ((0.4, "slowly"), (1.2, "steadily"))
FAST = "fast"
AGREEMENT = 0.35  # length of the mean displacement over the mean length, from which it is one way
COUNTER_SHARE = 0.2  # share of the motion along an axis that goes against the main way
JUMP = 12.0  # grey levels between two sampled frames that count as sudden
VIVID = 70.0  # spread of the RGB channels from which a pixel counts as coloured
GLARING = 235.0  # darkest channel from which a pixel counts as glaring
VISIBLE = 0.004  # share of the picture from which a colour is named
LARGE = 0.04
HUES = ("red", "orange", "yellow", "green", "blue", "purple", "red")
HUE_ENDS = (0.04, 0.12, 0.19, 0.46, 0.72, 0.93)  # upper ends of all but the last


def identity(settings: RulesCaption) -> dict[str, Any]:
    """What decides the captions beside the code: the decoder of the frames."""
    return installed("pillow")


class RulesCaptioner:
    """Captions from rules; the same frames always give the same sentence."""

    def __init__(self, settings: RulesCaption, runtime: Runtime) -> None:
        pass

    def __call__(self, videos: Iterable[Snippets]) -> Iterator[tuple[int, list[str] | Exception]]:
        """See `snippets.Captioner`."""
        return one_by_one(_captions, videos)


def _captions(video: Snippets) -> list[str]:
    return [describe(measure(jpegs)) for jpegs in video.images]


def describe(cues: Cues) -> str:
    """The sentence for one snippet's cues."""
    parts = [_light(cues), *_motion(cues), _sudden(cues), *_colours(cues), _glare(cues)]
    return ", ".join(part for part in parts if part) + "."


def _grade(value: float, steps: Sequence[tuple[float, str]], beyond: str) -> str:
    return next((word for limit, word in steps if value < limit), beyond)


def _light(cues: Cues) -> str:
    return _grade(float(cues.brightness.mean()), LIGHTS, BRIGHT) + " scene"


def _motion(cues: Cues) -> list[str]:
    """How much moves, how fast, where to and where; and whether some goes the other way."""
    moving = cues.change > MOVING  # (K-1, rows, columns)
    amount = _grade(float(moving.mean()), AMOUNTS, EVERYTHING_MOVES)
    if amount == AMOUNTS[0][1]:
        return [amount]
    weight = np.where(moving, cues.change, 0)
    weight = weight / weight.sum()
    flow = (cues.flow * weight[..., None]).sum(axis=(0, 1, 2))
    speed = float((np.linalg.norm(cues.flow, axis=-1) * weight).sum())
    one_way = float(np.linalg.norm(flow)) > AGREEMENT * speed
    direction = _direction(flow) if one_way else "in different directions"
    pace = _grade(speed, SPEEDS, FAST)
    return [
        f"{amount} {pace} {direction} {_where(weight.sum(axis=0))}",
        _counter(cues.flow, weight, flow) if one_way else "",
    ]


def _direction(flow: Floats) -> str:
    right, down = flow
    if abs(right) >= abs(down):
        return "to the right" if right > 0 else "to the left"
    return "downwards" if down > 0 else "upwards"


def _counter(flow: Floats, weight: Floats, main: Floats) -> str:
    """Whether a visible part moves against the `main` displacement along its longer axis."""
    axis = int(abs(main[1]) > abs(main[0]))
    along = flow[..., axis] * np.sign(main[axis]) * weight
    against = -along[along < 0].sum()
    return "some against it" if against > COUNTER_SHARE * np.abs(along).sum() else ""


def _where(weight: Floats) -> str:
    """The part of the picture that holds the centre of `weight` (rows, columns)."""
    rows, columns = weight.shape
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
    if abs(jump) > JUMP:
        return "a flash of light" if jump > 0 else "the light drops"
    per_step = cues.change.mean(axis=(1, 2))
    before, after = np.array_split(per_step, 2)
    if len(after) and after.mean() > 2 * before.mean() + 1:
        return "motion starts suddenly"
    if len(after) and before.mean() > 2 * after.mean() + 1:
        return "motion stops suddenly"
    return ""


def _colours(cues: Cues) -> list[str]:
    """Each vivid colour that takes a visible share of the picture: how much, and where."""
    spread = cues.pictures.max(axis=-1) - cues.pictures.min(axis=-1)  # (K, H, W)
    vivid = spread > VIVID
    hue = np.digitize(_hue(cues.pictures[vivid]), HUE_ENDS)
    found = []
    for name in dict.fromkeys(HUES):
        patch = np.zeros(vivid.shape, dtype=np.float32)
        patch[vivid] = np.isin(hue, [i for i, other in enumerate(HUES) if other == name])
        share = float(patch.mean())
        if share > VISIBLE:
            size = "large" if share > LARGE else "small"
            found.append(f"{size} {name} {_where(patch.sum(axis=0))}")
    return found


def _hue(pixels: Floats) -> Floats:
    """Hue in [0, 1) of RGB pixels (N, 3) whose channels differ."""
    red, green, blue = pixels.T
    high = pixels.max(axis=1)
    spread = high - pixels.min(axis=1)
    sector = np.select(
        [high == red, high == green],
        [(green - blue) / spread, 2 + (blue - red) / spread],
        4 + (red - green) / spread,
    )
    return np.asarray(sector / 6 % 1, dtype=np.float32)


def _glare(cues: Cues) -> str:
    glaring = (cues.pictures.min(axis=-1) > GLARING).astype(np.float32)
    return f"glaring light {_where(glaring.sum(axis=0))}" if glaring.mean() > VISIBLE else ""
