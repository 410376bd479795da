"""A tower of plain arithmetic: a row (a, b) is encoded as (a, b, 1), then scaled to length 1."""

import weakref
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

from pipeline.encoders.batching import Run
from pipeline.encoders.tower import Tower
from pipeline.engine import SpoiledError
from pipeline.errors import UserError

CPU = torch.device("cpu")


def encode(inputs: torch.Tensor) -> torch.Tensor:
    return torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1)


def runs_of(*lengths: int) -> list[Run]:
    """A run a video; row r of video v is (v, r)."""
    return [
        Run(v, 0, n, torch.tensor([[float(v), float(r)] for r in range(n)]))
        for v, n in enumerate(lengths)
    ]


def tower(
    encoder: Callable[[torch.Tensor], torch.Tensor], batch_size: int = 8, fixed: bool = False
) -> Tower:
    return Tower(
        torch.cat,
        encoder,
        device=CPU,
        batch_size=batch_size,
        fixed_shape=fixed,
    )


def results(own: Tower, runs: Sequence[Run]) -> list[tuple[Run, np.ndarray | Exception]]:
    return [result for started in own.start(runs) for result in started.results()]


def check(found: Sequence[tuple[Run, np.ndarray | Exception]], expected: Sequence[Run]) -> None:
    """Every row of `expected` is there once, with its own embedding."""
    rows = {(run.video, run.first + k): row for run, own in found for k, row in enumerate(own)}
    assert len(rows) == sum(map(len, expected))
    for run in expected:
        for k in range(len(run)):
            wanted = np.array([run.video, k, 1]) / np.sqrt(run.video**2 + k**2 + 1)
            np.testing.assert_allclose(rows[run.video, k], wanted, rtol=1e-6)


def test_rows_come_back_with_their_run_as_unit_vectors() -> None:
    runs = runs_of(3, 1, 2)
    found = results(tower(encode), runs)
    assert [run for run, _ in found] == runs
    check(found, runs)


class Crowded:
    """Has memory for `room` rows, and really raises what PyTorch raises when there is none."""

    def __init__(self, room: int) -> None:
        self.room, self.sizes = room, []
        self.refused: list[weakref.ref[torch.Tensor]] = []

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(inputs))
        if len(inputs) > self.room:
            assert all(reference() is None for reference in self.refused), "memory was not freed"
            self.refused.append(weakref.ref(inputs))
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return encode(inputs)


def test_out_of_memory_halves_the_batch_for_good(capsys: pytest.CaptureFixture[str]) -> None:
    encoder = Crowded(room=3)
    own = tower(encoder, batch_size=8)
    check(results(own, runs_of(5, 3)), runs_of(5, 3))
    assert own.batch_size == 2
    assert encoder.sizes == [8, 4, 2, 2, 2, 2]
    assert capsys.readouterr().err.count("out of memory") == 2  # 8 -> 4 -> 2
    check(results(own, runs_of(2)), runs_of(2))
    assert capsys.readouterr().err == ""


def test_a_small_batch_that_does_not_fit_is_halved_too() -> None:
    own = tower(Crowded(room=2), batch_size=8)
    check(results(own, runs_of(1, 3)), runs_of(1, 3))
    assert own.batch_size == 2


def test_cublas_without_room_for_its_workspace_counts_as_out_of_memory() -> None:
    def full(inputs: torch.Tensor) -> torch.Tensor:
        if len(inputs) > 2:
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate")
        return encode(inputs)

    check(results(tower(full, batch_size=4), runs_of(4)), runs_of(4))


def test_no_room_for_a_single_row_is_an_error_of_its_video() -> None:
    found = results(tower(Crowded(room=0), batch_size=2), runs_of(1, 1))
    assert [run.video for run, _ in found] == [0, 1]
    for _, error in found:
        assert isinstance(error, UserError)
        assert "not even one image" in str(error)


def test_another_error_costs_only_the_video_to_blame() -> None:
    def picky(inputs: torch.Tensor) -> torch.Tensor:
        if (inputs[:, 0] == 1).any():
            raise RuntimeError("cannot encode video 1")
        return encode(inputs)

    own = tower(picky)
    found = results(own, runs_of(2, 2, 2))
    errors = {run.video: value for run, value in found if isinstance(value, Exception)}
    assert list(errors) == [1]
    assert "cannot encode video 1" in str(errors[1])
    check([pair for pair in found if pair[0].video != 1], [runs_of(2, 2, 2)[v] for v in (0, 2)])
    assert own.batch_size == 8


def test_what_is_no_number_is_an_error_of_its_video() -> None:
    def overflowing(inputs: torch.Tensor) -> torch.Tensor:
        return torch.where(inputs[:, :1] == 1, torch.nan, encode(inputs))

    found = results(tower(overflowing), runs_of(2, 2, 2))
    errors = {run.video: str(value) for run, value in found if isinstance(value, Exception)}
    assert list(errors) == [1]
    assert "what is no number" in errors[1]


def test_a_broken_gpu_is_no_video_s_fault() -> None:
    def broken(_: torch.Tensor) -> torch.Tensor:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(SpoiledError, match="illegal memory access"):
        tower(broken).start(runs_of(2, 2))


def test_a_fixed_shape_is_filled_up_and_the_filling_dropped() -> None:
    sizes = []

    def watched(inputs: torch.Tensor) -> torch.Tensor:
        sizes.append(len(inputs))
        return encode(inputs)

    own = tower(watched, batch_size=4, fixed=True)
    for runs in (runs_of(4), runs_of(1, 2), runs_of(1)):
        check(results(own, runs), runs)
    assert sizes == [4, 4, 4]


def test_half_precision_embeddings_are_normalised_in_full() -> None:
    half = tower(lambda inputs: encode(inputs).to(torch.bfloat16))
    ((_, found),) = results(half, runs_of(7))
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)
