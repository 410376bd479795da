"""Light and motion of synthetic frames whose content is known."""

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pipeline.video.cues import GRID, WIDTH, cell_means, measure

Picture = npt.NDArray[np.uint8]


def jpeg(picture: Picture) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=95, subsampling=0)
    return out.getvalue()


def texture(shift: tuple[float, float], height: int = 60, width: int = WIDTH) -> Picture:
    """A smooth pattern displaced by `shift` pixels right and down."""
    y, x = np.mgrid[:height, :width].astype(float)
    x, y = x - shift[0], y - shift[1]
    grey = 128 + 40 * np.sin(x / 3 + 0.3 * y) + 40 * np.cos(y / 3 - 0.2 * x)
    return np.repeat(grey.round().astype(np.uint8)[..., None], 3, axis=2)


def flat(level: int, height: int = 60, width: int = WIDTH) -> Picture:
    return np.full((height, width, 3), level, np.uint8)


def test_shapes() -> None:
    cues = measure([jpeg(texture((0, 0), 120, 160))] * 4)
    assert cues.pictures.shape == (4, 60, 80, 3)
    assert cues.brightness.shape == (4,)
    assert cues.change.shape == (3, *GRID)
    assert cues.flow.shape == (3, *GRID, 2)


def test_light_and_change_of_flat_frames() -> None:
    cues = measure([jpeg(flat(level)) for level in (100, 150, 140)])
    assert cues.brightness.tolist() == pytest.approx([100, 150, 140], abs=0.6)
    assert cues.change[0].tolist() == pytest.approx(np.full(GRID, 50), abs=1)
    assert cues.change[1].tolist() == pytest.approx(np.full(GRID, 10), abs=1)
    assert cues.motion == pytest.approx(30, abs=0.6)


def test_grey_level_weighs_red_green_and_blue() -> None:
    levels = []
    for channel in range(3):
        picture = flat(0)
        picture[..., channel] = 200
        levels.append(float(measure([jpeg(picture)] * 2).brightness[0]))
    assert levels == pytest.approx([0.299 * 200, 0.587 * 200, 0.114 * 200], abs=2)


def test_cell_means_against_a_loop() -> None:
    values = np.random.default_rng(0).random((2, 47, 86)).astype(np.float32)
    found = cell_means(values)
    rows, columns = GRID
    for r in range(rows):
        for c in range(columns):
            top, bottom = r * 47 // rows, (r + 1) * 47 // rows
            left, right = c * 86 // columns, (c + 1) * 86 // columns
            expected = values[:, top:bottom, left:right].mean(axis=(1, 2))
            assert found[:, r, c] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shift", [(0.6, 0.0), (-0.6, 0.0), (0.0, 0.6), (0.4, -0.5)])
def test_flow_is_the_displacement_of_a_texture(shift: tuple[float, float]) -> None:
    cues = measure([jpeg(texture((k * shift[0], k * shift[1]))) for k in range(3)])
    assert cues.flow.reshape(-1, 2).mean(axis=0) == pytest.approx(shift, abs=0.1)


def test_flow_is_local() -> None:
    frames = []
    for k in range(3):
        picture = texture((0, 0))
        picture[:, 40:] = texture((0.6 * k, 0))[:, 40:]
        frames.append(jpeg(picture))
    cues = measure(frames)
    assert cues.flow[:, :, :3, 0].mean() == pytest.approx(0, abs=0.05)
    assert cues.flow[:, :, 5:, 0].mean() == pytest.approx(0.6, abs=0.1)
    assert cues.change[:, :, :3].mean() < 1 < cues.change[:, :, 5:].mean()


def test_no_flow_where_there_is_no_texture() -> None:
    cues = measure([jpeg(flat(100)), jpeg(flat(120))])
    assert np.abs(cues.flow).max() < 0.5


def test_frames_are_shrunk_before_they_are_measured() -> None:
    big = measure([jpeg(np.kron(texture((k, 0)), np.ones((4, 4, 1), np.uint8))) for k in (0, 1)])
    assert big.pictures.shape == (2, 60, 80, 3)
    assert big.flow[..., 0].mean() == pytest.approx(1, abs=0.3)  # pixels of the shrunken frame


def test_very_wide_frames_keep_a_row_for_each_cell() -> None:
    cues = measure([jpeg(flat(90, 8, 640))] * 2)
    assert cues.pictures.shape == (2, GRID[0], WIDTH, 3)
    assert cues.brightness.tolist() == pytest.approx([90, 90], abs=1)


def test_same_frames_give_the_same_cues() -> None:
    frames = [jpeg(texture((k, 0), 120, 160)) for k in range(3)]
    one, two = measure(frames), measure(frames)
    for name in ("pictures", "brightness", "change", "flow"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
