"""Times and memory of calls whose cost is known."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pipeline.efficiency import machine, measuring
from pipeline.efficiency.towers import Prepared

MEGABYTE = 1_000_000


class Clock:
    """A clock that calls move on; so that a busy machine fails no test."""

    def __init__(self) -> None:
        self.now = 0.0

    def make(self, device: torch.device) -> Prepared:
        """Calls of 4 ms for each at a time; the first of a size takes a second more."""
        return lambda n: self.call(n, [1.0])

    def call(self, n: int, extra: list[float]) -> Callable[[], None]:
        def call() -> None:
            self.now += 0.004 * n + (extra.pop() if extra else 0.0)

        return call


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: clock.now)
    return clock


def holding(device: torch.device) -> Prepared:
    """A model of 40 MB, and calls that need 20 MB more for each one at a time."""
    model = torch.ones(10 * MEGABYTE)
    return lambda n: lambda: float(torch.ones(5 * MEGABYTE * n).sum() + model[0])


def dying(device: torch.device) -> Prepared:
    os._exit(9)


def failing(device: torch.device) -> Prepared:
    raise ValueError("no such model\nand more")


def test_time_is_that_of_a_call_once_it_is_warm(clock: Clock) -> None:
    one, eight = measuring.measure(clock.make, [1, 8], "cpu", 1)
    assert one["seconds"] == pytest.approx(0.004)
    assert eight["seconds"] == pytest.approx(0.032)
    assert (one["repeats"], eight["repeats"]) == (30, 15)  # half a second, 30 at most
    assert one["threads"] == 1


def test_a_long_call_is_measured_once_and_no_longer_one_is_begun(clock: Clock) -> None:
    one, many = measuring.measure(clock.make, [1_000, 3_000], "cpu", 1)
    assert one["repeats"] == 1
    assert one["seconds"] == pytest.approx(5.0)
    assert many == {"at_a_time": 3000, "not_measured": "about 15 s a call, by the one before"}
    one, many = measuring.measure(clock.make, [500, 1_500], "cpu", 1)
    assert (one["repeats"], one["seconds"]) == (measuring.FEWEST, pytest.approx(2.0))
    assert "about 6 s" in many["not_measured"]


@pytest.mark.skipif(not measuring.RESET.exists(), reason="needs Linux's /proc")
def test_memory_is_the_peak_above_what_was_held_before() -> None:
    one, four = measuring.apart(holding, [1, 4], "cpu", 1)
    assert "memory" in one, one
    # 60 and 120; the system may take back a library's pages, the allocator keep what a call freed
    assert 55 * MEGABYTE <= one["memory"] < 85 * MEGABYTE
    assert 110 * MEGABYTE <= four["memory"] < 165 * MEGABYTE


def test_memory_is_unknown_where_the_system_does_not_tell(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(measuring, "RESET", tmp_path / "no" / "such")
    (entry,) = measuring.measure(clock.make, [1], "cpu", 1)
    assert entry["memory"] is None
    assert entry["seconds"] > 0


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (dying, "the process died (out of memory?)"),
        (failing, "ValueError: no such model"),
    ],
)
def test_what_goes_wrong_is_the_reason(
    make: Callable[[torch.device], Prepared], reason: str
) -> None:
    assert measuring.apart(make, [1, 8], "cpu", 1) == [
        {"at_a_time": 1, "not_measured": reason},
        {"at_a_time": 8, "not_measured": reason},
    ]


def test_a_gpu_is_waited_for_and_tells_its_own_memory(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in: a call only queues work, which takes its time once the device is waited for."""
    queued, held = [0.0], [100]

    def wait(device: torch.device) -> None:
        clock.now += queued.pop()
        queued.append(0.0)

    def queueing(device: torch.device) -> Prepared:
        held[0] = 350  # the model's memory
        return lambda n: lambda: queued.append(queued.pop() + 0.005)

    monkeypatch.setattr(measuring, "_warm_up", lambda device: None)
    monkeypatch.setattr(torch.cuda, "synchronize", wait)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: held[0])
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: held[0] + 50)
    (entry,) = measuring.measure(queueing, [1], "cuda", 1)
    assert entry["seconds"] == pytest.approx(0.005)
    assert entry["memory"] == 300


def test_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Brand: 9\nmodel name\t: X\n")
    monkeypatch.setattr(machine, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Fast GPU")
    found = machine.describe(torch.device("cuda"))
    assert found["cpu"] == "Brand: 9"
    assert found["gpu"] == "Fast GPU"
    assert found["cores"] >= 1
    assert machine.describe(torch.device("cpu"))["gpu"] is None
    monkeypatch.setattr(machine, "CPU_INFO", tmp_path / "absent")
    assert machine.cpu_model()
