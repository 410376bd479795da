"""Captions of synthetic frames whose content is known."""

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pipeline.config import RulesCaption
from pipeline.encoders.captioners.rules import RulesCaptioner
from pipeline.encoders.captioners.snippets import Snippets
from tests.runtime import RUNTIME

Picture = npt.NDArray[np.uint8]
HEIGHT, WIDTH, FRAMES = 120, 160, 8


def jpeg(picture: Picture) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=95, subsampling=0)
    return out.getvalue()


def background(level: int = 110) -> Picture:
    """Soft grey noise around a level."""
    noise = np.random.default_rng(0).normal(0, 6, (HEIGHT // 4, WIDTH // 4))
    grey = np.clip(np.kron(level + noise, np.ones((4, 4))), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def block(picture: Picture, top: float, left: float, size: int = 30) -> Picture:
    """A copy with a bright block with soft edges."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    inside = np.clip(size / 2 - np.abs(y - top - size / 2), 0, 6) / 6
    inside = inside * np.clip(size / 2 - np.abs(x - left - size / 2), 0, 6) / 6
    mixed = picture + inside[..., None] * (215.0 - picture)
    return np.asarray(mixed.round(), np.uint8)


def waves(right: float) -> Picture:
    """A fine pattern over the whole picture, displaced to the right."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    grey = 110 + 90 * np.sin((x - right) / 4 + y / 10)
    return np.repeat(grey.round().astype(np.uint8)[..., None], 3, axis=2)


def caption(frame: Callable[[int], Picture]) -> str:
    return captions_of([[jpeg(frame(k)) for k in range(FRAMES)]])[0]


def captions_of(snippets: list[list[bytes]]) -> list[str]:
    n = range(len(snippets))
    video = Snippets("v", list(n), [i + 1 for i in n], snippets)
    ((_, found),) = RulesCaptioner(RulesCaption(backend="rules"), RUNTIME)([video])
    assert not isinstance(found, Exception)
    return found


def patch(
    colour: tuple[int, int, int], top: int, left: int, height: int = 24, width: int = 24
) -> Picture:
    picture = background()
    picture[top : top + height, left : left + width] = colour
    return picture


def test_a_static_scene() -> None:
    assert caption(lambda k: background()) == "daylit scene, nothing moves."


@pytest.mark.parametrize(
    ("level", "light"), [(20, "dark"), (70, "dim"), (110, "daylit"), (200, "bright")]
)
def test_light(level: int, light: str) -> None:
    assert caption(lambda k: background(level)) == f"{light} scene, nothing moves."


@pytest.mark.parametrize(
    ("right", "down", "direction"),
    [(2, 0, "to the right"), (-2, 0, "to the left"), (0, 2, "downwards"), (0, -2, "upwards")],
)
def test_a_moving_block(right: int, down: int, direction: str) -> None:
    found = caption(lambda k: block(background(), 45 + down * (k - 4), 65 + right * (k - 4)))
    assert found.startswith("daylit scene, something moves ")
    assert f" {direction} in the middle" in found
    assert "different directions" not in found


@pytest.mark.parametrize(
    ("top", "left", "where"),
    [
        (5, 5, "at the top left"),
        (85, 115, "at the bottom right"),
        (45, 5, "in the middle left"),
        (5, 65, "at the top"),
    ],
)
def test_where_it_moves(top: int, left: int, where: str) -> None:
    found = caption(lambda k: block(background(), top, left + 2 * (k - 4)))
    assert found.removesuffix(".").split(", ")[1].endswith(f"to the right {where}")


@pytest.mark.parametrize(("step", "pace"), [(0.5, "slowly"), (1.6, "steadily"), (4, "fast")])
def test_pace_of_a_panning_scene(step: float, pace: str) -> None:
    found = caption(lambda k: waves(step * k))
    assert found.startswith(f"daylit scene, everything moves {pace} to the right in the middle")


@pytest.mark.parametrize(("size", "amount"), [(30, "something"), (100, "much")])
def test_more_motion_is_called_more(size: int, amount: str) -> None:
    found = caption(lambda k: block(background(), 5, 10 + 2 * k, size))
    assert found.split(", ")[1].startswith(f"{amount} moves")


def test_two_blocks_that_part() -> None:
    found = caption(lambda k: block(block(background(), 45, 25 - 2 * k), 45, 105 + 2 * k))
    assert "in different directions" in found
    assert "against" not in found


@pytest.mark.parametrize(("rows", "against"), [(30, True), (12, False), (0, False)])
def test_a_part_that_goes_against_the_rest(rows: int, against: bool) -> None:
    def frame(k: int) -> Picture:
        picture = waves(1.6 * k)
        picture[HEIGHT - rows :] = waves(-1.6 * k)[HEIGHT - rows :]
        return picture

    found = caption(frame)
    assert "to the right" in found
    assert ("some against it" in found) == against


@pytest.mark.parametrize(
    ("before", "after", "event"), [(110, 150, "a flash of light"), (110, 70, "the light drops")]
)
def test_sudden_light(before: int, after: int, event: str) -> None:
    found = caption(lambda k: background(before if k < 5 else after))
    assert event in found
    gentle = caption(lambda k: background(before + (after - before) * k // 40))
    assert "light" not in gentle.replace("daylit", "")


def test_motion_that_starts_and_stops() -> None:
    started = caption(lambda k: block(background(), 30, 20 + 12 * max(0, k - 4), 60))
    stopped = caption(lambda k: block(background(), 30, 20 + 12 * min(k, 3), 60))
    steady = caption(lambda k: block(background(), 30, 20 + 6 * k, 60))
    assert "motion starts suddenly" in started
    assert "motion stops suddenly" in stopped
    assert "suddenly" not in steady


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((200, 20, 20), "red"),
        ((230, 110, 20), "orange"),
        ((230, 220, 20), "yellow"),
        ((20, 180, 30), "green"),
        ((20, 40, 200), "blue"),
        ((150, 20, 200), "purple"),
        ((220, 20, 150), "purple"),  # red leads
        ((200, 20, 50), "red"),  # hue just below 1
    ],
)
def test_colours(colour: tuple[int, int, int], name: str) -> None:
    assert caption(lambda k: patch(colour, 48, 8)) == (
        f"daylit scene, nothing moves, small {name} in the middle left."
    )


def test_a_large_patch_and_one_too_small_to_name() -> None:
    large = caption(lambda k: patch((200, 20, 20), 10, 20, 50, 50))
    assert "large red at the top left" in large
    assert "red" not in caption(lambda k: patch((200, 20, 20), 10, 20, 6, 6))


def test_two_colours_are_both_named_each_in_its_place() -> None:
    def frame(k: int) -> Picture:
        picture = patch((200, 20, 20), 8, 8)
        picture[88:112, 128:152] = (20, 40, 200)
        return picture

    assert "small red at the top left, small blue at the bottom right" in caption(frame)


def test_glare() -> None:
    found = caption(lambda k: patch((255, 255, 255), 8, 128))
    assert found.endswith(", glaring light at the top right.")
    assert "glaring" not in caption(lambda k: patch((215, 215, 215), 8, 128))


def test_snippets_are_told_apart_and_the_same_ones_alike() -> None:
    still = [jpeg(background())] * FRAMES
    moving = [jpeg(block(background(), 45, 40 + 2 * k)) for k in range(FRAMES)]
    first = captions_of([still, moving, still])
    assert first[0] == first[2] != first[1]
    assert captions_of([moving]) == [first[1]]
    assert captions_of([]) == []
