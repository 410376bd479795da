from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch

from pipeline.encoders.batching import IN_FLIGHT, Failure, Run, batches, encode_each


def video(position: int, lengths: Sequence[int]) -> list[Run]:
    """Runs of a video whose rows hold 100 * position + row."""
    total, runs, first = sum(lengths), [], 0
    for length in lengths:
        values = 100.0 * position + torch.arange(first, first + length).float()
        runs.append(Run(position, first, total, values[:, None]))
        first += length
    return runs


def rows(batch: list[Run] | Failure) -> list[int] | str:
    if isinstance(batch, Failure):
        return str(batch.error)
    return [int(row) for run in batch for row in run.values[:, 0]]


def test_batches_are_full_whoever_the_rows_belong_to() -> None:
    parts = video(0, [3]) + video(1, [1, 1]) + video(2, [4])
    found = [rows(batch) for batch in batches(parts, lambda: 4, shared=True)]
    assert found == [[0, 1, 2, 100], [101, 200, 201, 202], [203]]


def test_unshared_batches_end_with_their_video() -> None:
    parts = video(0, [3, 2]) + video(1, [1]) + video(2, [4])
    found = [rows(batch) for batch in batches(parts, lambda: 4, shared=False)]
    assert found == [[0, 1, 2, 3], [4], [100], [200, 201, 202, 203]]


def test_a_full_batch_does_not_wait_for_the_next_video() -> None:
    def parts() -> Iterator[Run]:
        yield from video(0, [2])
        pytest.fail("asked for more before the full batch was given")

    assert rows(next(batches(parts(), lambda: 2, shared=True))) == [0, 1]


def test_runs_that_are_cut_know_their_place() -> None:
    (run,) = video(0, [5])
    cut = [part for batch in batches([run], lambda: 2, shared=True) for part in batch]
    assert [(part.first, len(part), part.total) for part in cut] == [
        (0, 2, 5),
        (2, 2, 5),
        (4, 1, 5),
    ]


def test_a_batch_size_that_shrinks_counts_from_the_next_batch_on() -> None:
    current = [4]
    found = []
    for batch in batches(video(0, [8]), lambda: current[0], shared=True):
        found.append(rows(batch))
        current[0] = 2
    assert found == [[0, 1, 2, 3], [4, 5], [6, 7]]


class Doubling:
    """An encoder whose embedding of a row is twice its value, and 9 beside it."""

    def __init__(self, failing: int | None = None) -> None:
        self.failing, self.begun, self.read = failing, 0, 0

    def start(self, runs: Sequence[Run]) -> list["Begun"]:
        self.begun += 1
        return [Begun(self, runs)]


class Begun:
    def __init__(self, encoder: Doubling, runs: Sequence[Run]) -> None:
        self.encoder, self.runs = encoder, runs

    def results(self) -> Iterator[tuple[Run, np.ndarray | Exception]]:
        self.encoder.read += 1
        for run in self.runs:
            embedded = torch.cat([2 * run.values, torch.full_like(run.values, 9)], dim=1)
            failed = run.video == self.encoder.failing
            yield run, ValueError("no") if failed else embedded.numpy()


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("size", [1, 3, 4, 50])
def test_each_video_gets_its_own_rows_back_in_order(size: int, shared: bool) -> None:
    parts = video(0, [3, 4]) + video(1, [1]) + video(2, [2, 2])
    found = dict(encode_each(parts, Doubling().start, lambda: size, shared=shared))
    assert {position: own.shape for position, own in found.items()} == {
        0: (7, 2),
        1: (1, 2),
        2: (4, 2),
    }
    for position, own in found.items():
        np.testing.assert_array_equal(own[:, 0], 2 * (100 * position + np.arange(len(own))))
        np.testing.assert_array_equal(own[:, 1], 9)


def test_failures_cost_their_video_alone_and_are_told_once() -> None:
    first, second = ValueError("first"), ValueError("second")
    parts = [
        *video(0, [2]),
        video(1, [2, 2])[0],
        Failure(1, first),
        *video(2, [3]),
        Failure(1, second),
    ]
    found = list(encode_each(parts, Doubling(failing=2).start, lambda: 2, shared=True))
    assert sorted(position for position, _ in found) == [0, 1, 2]
    by_position = dict(found)
    assert by_position[1] is first
    assert str(by_position[2]) == "no"
    assert by_position[0].shape == (2, 2)


def test_videos_come_as_they_get_done_and_batches_are_begun_ahead_of_reading() -> None:
    encoder, furthest = Doubling(), 0

    def parts() -> Iterator[Run]:
        nonlocal furthest
        for position in range(20):
            furthest = position
            yield from video(position, [1])

    results = encode_each(parts(), encoder.start, lambda: 1, shared=True)
    assert next(results)[0] == 0
    assert (encoder.begun, encoder.read, furthest) == (IN_FLIGHT + 1, 1, IN_FLIGHT)
    assert len(list(results)) == 19
