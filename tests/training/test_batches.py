"""Balanced batches: what each holds, and that an epoch passes over the larger class."""

from collections import Counter

import pytest
import torch
from torch import Tensor

from pipeline.training import balanced_batches


def batches(n_normal: int, n_abnormal: int, size: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(n_normal + n_abnormal, generator=generator)
    abnormal = (torch.arange(n_normal + n_abnormal) >= n_normal)[order]
    return abnormal, balanced_batches(abnormal, size, generator)


@pytest.mark.parametrize(("n_normal", "n_abnormal"), [(12, 12), (12, 5), (3, 10), (1, 7)])
def test_batches_are_half_normal_then_half_abnormal(n_normal: int, n_abnormal: int) -> None:
    abnormal, found = batches(n_normal, n_abnormal, 6)
    assert found.shape == (-(-max(n_normal, n_abnormal) // 3), 6)
    for batch in found:
        assert abnormal[batch].tolist() == [False] * 3 + [True] * 3


def test_equal_classes_pass_once_an_epoch() -> None:
    _, found = batches(12, 12, 8)
    assert sorted(found.flatten().tolist()) == list(range(24))


def test_the_smaller_class_starts_over_in_a_new_order() -> None:
    abnormal, found = batches(24, 6, 8)
    drawn = found.flatten()
    assert sorted(drawn[~abnormal[drawn]].tolist()) == torch.nonzero(~abnormal).flatten().tolist()
    repeated = drawn[abnormal[drawn]]  # six batches of four: four whole rounds
    rounds = [tuple(part) for part in repeated.view(4, 6).tolist()]
    assert all(sorted(part) == torch.nonzero(abnormal).flatten().tolist() for part in rounds)
    assert len(set(rounds)) > 1


def test_an_incomplete_last_batch_is_filled_up() -> None:
    abnormal, found = batches(5, 4, 4)
    assert [len(batch) for batch in found] == [4, 4, 4]
    normal = Counter(index for batch in found for index in batch[:2].tolist())
    assert sorted(normal.values()) == [1, 1, 1, 1, 2]
    assert set(normal) == set(torch.nonzero(~abnormal).flatten().tolist())


def test_batches_follow_the_generator() -> None:
    def drawn(seed: int) -> list[list[int]]:
        found: list[list[int]] = batches(12, 12, 8, seed)[1].tolist()
        return found

    assert drawn(0) == drawn(0) != drawn(1)
    generator = torch.Generator().manual_seed(0)
    abnormal = torch.arange(24) >= 12
    first, second = (balanced_batches(abnormal, 8, generator) for _ in range(2))
    assert not first.equal(second)  # each epoch in another order
