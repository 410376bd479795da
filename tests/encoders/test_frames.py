from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pipeline import tables
from pipeline.encoders.batching import Failure, Run
from pipeline.encoders.frames import RUN, Frames, decoded, read_frames
from pipeline.errors import UserError
from tests.encoders.pictures import jpeg, noise, write_frames


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def parts_of(pool: Executor, *paths: Path, ahead: int = 4) -> list[Run | Failure]:
    return list(decoded(paths, pool, ahead=ahead, pinned=False, note=lambda _: None))


def test_a_frame_that_snippets_share_is_there_once(tmp_path: Path) -> None:
    frames = read_frames(3, write_frames(tmp_path / "v.parquet", [[5, 6], [6, 7], [5, 9]]))
    assert isinstance(frames, Frames)
    assert (frames.video, frames.numbers) == (3, [5, 6, 7, 9])
    np.testing.assert_array_equal(frames.rows, [[0, 1], [1, 2], [0, 3]])


def test_pixels_of_all_videos_in_order(tmp_path: Path, pool: Executor) -> None:
    many = [list(range(k, k + 4)) for k in range(0, 2 * RUN + 4, 4)]
    paths = [
        write_frames(tmp_path / "a.parquet", many),
        write_frames(tmp_path / "b.parquet", [[3, 1]]),
    ]
    parts = parts_of(pool, *paths)
    assert [(p.video, p.first, len(p), p.total) for p in parts if isinstance(p, Run)] == [
        (0, 0, RUN, 2 * RUN + 4),
        (0, RUN, RUN, 2 * RUN + 4),
        (0, 2 * RUN, 4, 2 * RUN + 4),
        (1, 0, 2, 2),
    ]
    last = parts[-1].values.numpy().astype(int)
    for found, number in zip(last, (3, 1), strict=True):
        assert np.abs(found - noise(number)).mean() < 5  # JPEG's loss


def test_pictures_of_another_size_make_a_run_of_their_own(tmp_path: Path, pool: Executor) -> None:
    images = {2: jpeg(noise(2, (40, 30))), 3: jpeg(noise(3, (40, 30)))}
    path = write_frames(tmp_path / "v.parquet", [[0, 1, 2], [3, 4, 5]], images)
    runs = parts_of(pool, path)
    assert [(run.first, tuple(run.values.shape)) for run in runs] == [
        (0, (2, 60, 80, 3)),
        (2, (2, 30, 40, 3)),
        (4, (2, 60, 80, 3)),
    ]


def test_a_grey_jpeg_becomes_three_channels(tmp_path: Path, pool: Executor) -> None:
    path = write_frames(tmp_path / "v.parquet", [[0]], {0: jpeg(noise(0)[..., 0])})
    (run,) = parts_of(pool, path)
    assert run.values.shape == (1, 60, 80, 3)
    assert (run.values[..., 0] == run.values[..., 2]).all()


def test_what_cannot_be_read_names_the_file(tmp_path: Path, pool: Executor) -> None:
    good = write_frames(tmp_path / "good.parquet", [[0]])
    damaged = write_frames(tmp_path / "damaged.parquet", [[0]])
    damaged.write_bytes(damaged.read_bytes()[:200])
    other = tmp_path / "other.parquet"
    tables.write(tables.FLOORS.empty_table(), other, tables.FLOORS)
    empty = tmp_path / "empty.parquet"
    tables.write(tables.FRAMES.empty_table(), empty, tables.FRAMES)
    cut = write_frames(tmp_path / "cut.parquet", [[7, 8]], {8: jpeg(noise(8))[:-300]})
    paths = [tmp_path / "absent.parquet", damaged, other, empty, cut, good]
    parts = parts_of(pool, *paths)
    assert [part.video for part in parts] == [0, 1, 2, 3, 4, 5]
    assert isinstance(parts[5], Run)
    for path, part in zip(paths[:5], parts[:5], strict=True):
        assert isinstance(part, Failure)
        assert isinstance(part.error, UserError)
        assert str(path) in str(part.error)
    assert "frame 8 is no whole JPEG" in str(parts[4].error)


def test_little_is_read_and_decoded_ahead_of_what_is_taken(tmp_path: Path) -> None:
    path = write_frames(tmp_path / "v.parquet", [list(range(RUN))])
    noted: list[int] = []
    with _Counting(2) as pool:
        parts = decoded(
            [path] * 50, pool, ahead=3, pinned=False, note=lambda frames: noted.append(frames.video)
        )
        next(parts)
        assert noted == [0, 1, 2, 3]
        assert pool.submitted <= 4 + 5  # runs, and the videos they are of
        assert len(list(parts)) == 49


class _Counting(ThreadPoolExecutor):
    submitted = 0

    def submit(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]
        self.submitted += 1  # from one thread, that of the generator
        return super().submit(*args, **kwargs)  # type: ignore[arg-type]
