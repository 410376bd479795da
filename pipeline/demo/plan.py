"""Which videos exist: split, label, length, look, encoding and events."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import numpy as np

from pipeline.config import Demo
from pipeline.demo.rng import stream

Split = Literal["train", "test"]
Codec = Literal["plain", "b_frames", "variable_rate", "long_gop"]
Broken = Literal["truncated", "damaged"]

# (width, height) in pixels, most of them small: rendering time grows with area.
SIZES = (
    (160, 120), (176, 144), (160, 120), (192, 144), (160, 120), (176, 132), (240, 180), (160, 120),
    (176, 144), (160, 120), (192, 144), (320, 240), (160, 120), (176, 144),
)  # fmt: skip
RATES = (Fraction(25), Fraction(25), Fraction(30), Fraction(30000, 1001))
SCENES_OF = {
    "AbandonedObject": ("platform", "corridor", "square"),
    "Collision": ("street", "carpark"),
    "Explosion": ("street", "square", "carpark"),
    "Fighting": ("carpark", "corridor", "square", "platform"),
    "Fire": ("street", "square", "carpark", "corridor"),
    "Flood": ("street", "square", "corridor", "platform"),
    "Panic": ("square", "platform"),
    "Vandalism": ("platform", "corridor", "square", "carpark"),
    "WrongWay": ("street",),
}
SPECIAL_CODECS: tuple[Codec, ...] = ("b_frames", "variable_rate", "long_gop")


@dataclass(frozen=True)
class DemoEvent:
    """Frames ``[start, end)``, 0-based, that show an anomaly of ``category``."""

    start: int
    end: int
    category: str


@dataclass(frozen=True)
class DemoVideo:
    """Everything that fixes one video's bytes, apart from the seed.

    ``path`` is relative to the dataset's root, ``listed`` is the line that
    stands in the train or test list (UCF-Crime's two differ for normal videos).
    """

    name: str
    split: Split
    category: str | None
    path: str
    listed: str
    scene: str
    width: int
    height: int
    fps: Fraction
    n_frames: int
    light: float
    noise: float
    activity: float
    flow: int
    daylight: float = 1.0
    codec: Codec = "plain"
    broken: Broken | None = None
    events: tuple[DemoEvent, ...] = ()


def plan_videos(settings: Demo) -> list[DemoVideo]:
    """All videos of the dataset in a fixed order: train then test, anomalous then normal."""
    train, test = _split(settings, "train"), _split(settings, "test")
    videos = _with_codecs(train + test, stream(settings.seed, "codecs"))
    # Two training videos are broken on purpose; the test ground truth stays whole.
    n_anomalous = settings.n_train // 2
    videos[0] = replace(videos[0], broken="damaged", codec="plain")
    videos[n_anomalous] = replace(videos[n_anomalous], broken="truncated", codec="plain")
    return videos


def _split(settings: Demo, split: Split) -> list[DemoVideo]:
    total = settings.n_train if split == "train" else settings.n_test
    n_anomalous = total // 2
    rng = stream(settings.seed, "plan", split)
    labels = [settings.categories[i % len(settings.categories)] for i in range(n_anomalous)]
    turns = [i // len(settings.categories) for i in range(n_anomalous)]
    looks = _looks(labels, turns, settings, rng)
    videos = []
    for i, (category, turn, look) in enumerate(zip(labels, turns, looks, strict=True)):
        number = turn + 1
        if split == "test":  # test numbers follow the training ones of their category
            number += _count(settings.n_train // 2, settings, category)
        video = _named(split, category, number, look)
        videos.append(replace(video, events=_events(category, i, turn, video.n_frames, rng)))
    # A normal video copies the look of an anomalous one, so that neither scene
    # nor light nor noise tells the label; only its length is drawn anew.
    for i in range(total - n_anomalous):
        look = looks[i % n_anomalous]
        number = i + (101 if split == "test" else 1)
        video = _named(split, None, number, look)
        other = looks[(i + 1) % n_anomalous]
        n_frames = round(other.n_frames / other.fps * video.fps)
        videos.append(replace(video, n_frames=n_frames, flow=int(rng.choice((-1, 1)))))
    return videos


def _count(n_anomalous: int, settings: Demo, category: str) -> int:
    """How many of ``n_anomalous`` videos dealt in turn show ``category``."""
    names = settings.categories
    return len(range(names.index(category), n_anomalous, len(names)))


def _looks(
    labels: Sequence[str], turns: Sequence[int], settings: Demo, rng: np.random.Generator
) -> list[DemoVideo]:
    """One nameless video a label: scene, size, rate, length, light, noise, activity."""
    n = len(labels)
    seconds = _lengths(n, settings, rng)
    light = rng.permutation(np.linspace(0.55, 1.05, n))
    noise = rng.permutation(np.linspace(settings.min_noise, settings.max_noise, n))
    activity = rng.permutation(np.linspace(0.0, 1.0, n))
    sizes = [size for size in SIZES if size[1] <= settings.max_height]
    offset = int(rng.integers(len(sizes)))
    looks = []
    for i, (category, turn) in enumerate(zip(labels, turns, strict=True)):
        width, height = sizes[(i + offset) % len(sizes)]
        fps = RATES[int(rng.integers(len(RATES)))]
        scenes = SCENES_OF[category]
        looks.append(
            DemoVideo(
                name="", split="train", category=None, path="", listed="",
                scene=scenes[turn % len(scenes)], width=width, height=height, fps=fps,
                n_frames=round(float(seconds[i]) * fps), light=float(light[i]),
                noise=float(noise[i]), activity=float(activity[i]),
                flow=int(rng.choice((-1, 1))), daylight=settings.daylight,
            )
        )  # fmt: skip
    return looks


def _lengths(n: int, settings: Demo, rng: np.random.Generator) -> np.ndarray:
    """``n`` lengths in seconds: shuffled quantiles of a Beta(1, b) with the wanted mean.

    Quantiles rather than draws: the total, hence the generation time, is fixed.
    """
    span = settings.max_seconds - settings.min_seconds
    b = span / (settings.mean_seconds - settings.min_seconds) - 1.0
    quantiles = (np.arange(n) + 0.5) / n
    return rng.permutation(settings.min_seconds + span * (1.0 - (1.0 - quantiles) ** (1.0 / b)))


def _named(split: Split, category: str | None, number: int, look: DemoVideo) -> DemoVideo:
    if category is not None:
        name = f"{category}{number:03d}_x264"
        folder, listed = f"Anomaly-Videos-Part-1/{category}", category
    elif split == "train":
        name = f"Normal_Videos{number:03d}_x264"
        folder, listed = "Training-Normal-Videos-Part-1", "Training_Normal_Videos_Anomaly"
    else:
        name = f"Normal_Videos_{number:03d}_x264"
        folder = listed = "Testing_Normal_Videos_Anomaly"
    return replace(
        look, name=name, split=split, category=category,
        path=f"{folder}/{name}.mp4", listed=f"{listed}/{name}.mp4",
    )  # fmt: skip


def _events(
    category: str, index: int, turn: int, n_frames: int, rng: np.random.Generator
) -> tuple[DemoEvent, ...]:
    """One event of 15-45 % of the video, or (every third video) two of 13-22 %."""
    if (index + turn) % 3 == 2:
        shares = rng.uniform(0.13, 0.22, 2)
        first = rng.uniform(0.08, 0.25)
        second = rng.uniform(first + shares[0] + 0.15, 0.97 - shares[1])
        spans = [(first, first + shares[0]), (second, second + shares[1])]
    else:
        share = rng.uniform(0.15, 0.45)
        start = rng.uniform(0.1, 0.95 - share)
        spans = [(start, start + share)]
    return tuple(
        DemoEvent(round(start * n_frames), round(end * n_frames), category) for start, end in spans
    )


def _with_codecs(videos: list[DemoVideo], rng: np.random.Generator) -> list[DemoVideo]:
    """Give about one video in thirteen to each special way of encoding."""
    share = max(1, len(videos) // 13)
    order = [i for i in rng.permutation(len(videos)) if i > 0]
    codecs: dict[int, Codec] = {
        int(index): codec
        for k, codec in enumerate(SPECIAL_CODECS)
        for index in order[k * share : (k + 1) * share]
    }
    return [replace(video, codec=codecs.get(i, "plain")) for i, video in enumerate(videos)]
