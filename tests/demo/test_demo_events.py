"""What single events look like while they last."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.demo.canvas import Canvas
from pipeline.demo.events import EVENTS, EventBase
from pipeline.demo.events.vandalism import Vandalism
from pipeline.demo.layouts import LAYOUTS, person_height
from pipeline.demo.place import Place
from tests.demo.test_demo_scene import EVENT, changed_share, short

SQUARE = Place(LAYOUTS["square"], aspect=1.0, flow=1, activity=0.5)
START, END = 2.0, 6.0


def event(category: str, flow: int = 1) -> EventBase:
    rng = np.random.default_rng(4)
    return EVENTS[category](replace(SQUARE, flow=flow), (START, END), rng)


def drawn(actor: EventBase, t: float) -> NDArray[np.float32]:
    """The event alone at ``t`` seconds on middle grey: (3, 120, 120)."""
    canvas = Canvas(np.full((3, 120, 120), 90.0, np.float32), 120, 0)
    actor.draw(canvas, t)
    return canvas.pixels


def test_an_explosion_is_blast_after_blast_to_its_end() -> None:
    explosion = event("Explosion")
    times = np.arange(START, END, 0.04)
    brightness = np.array([drawn(explosion, float(t)).mean() for t in times])
    flashes = times[1:][np.diff(brightness) > 30]
    # The first flash is at the start; four seconds hold two blasts.
    assert brightness[0] > 2 * 90
    assert len(flashes) == 1
    assert flashes[0] == pytest.approx((START + END) / 2, abs=0.05)


def test_debris_flies_apart_and_does_not_sink_into_the_ground() -> None:
    explosion = event("Explosion")

    def dark(t: float) -> NDArray[np.intp]:
        return np.argwhere(drawn(explosion, t).max(axis=0) < 60)

    early, later = dark(START + 0.3), dark(START + 0.7)
    assert np.ptp(later[:, 1]) > 1.5 * np.ptp(early[:, 1])
    assert dark(START + 1.0)[:, 0].max() < 120 * (explosion.y + 0.06)


def test_a_flood_rises_stays_and_runs_off() -> None:
    flood = event("Flood")

    def covered(t: float) -> float:
        return float((np.abs(drawn(flood, t) - 90).max(axis=0) > 8).mean())

    rising = [covered(t) for t in (START - 0.1, START, START + 0.3, START + 2.0)]
    assert rising[0] == 0
    assert rising == sorted(rising)
    assert rising[-1] > 0.5
    falling = [covered(t) for t in (END - 1.0, END - 0.4, END - 0.05, END)]
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] == 0


@pytest.mark.parametrize("flow", [1, -1])
def test_the_water_streams_with_the_flow(flow: int) -> None:
    """The near rows 40 ms later are the same rows, moved to the right or to the left."""
    flood = event("Flood", flow)
    rows = slice(112, 118)
    now, then = (drawn(flood, t).mean(axis=0)[rows] for t in (START + 2.0, START + 2.04))
    misfit = {
        shift: np.abs(np.roll(now, shift, axis=1)[:, 10:-10] - then[:, 10:-10]).mean()
        for shift in range(-6, 7)
    }
    assert np.sign(min(misfit, key=lambda shift: misfit[shift])) == flow


def test_the_smashed_machine_stands_there_all_the_time_and_flickers_only_in_the_event() -> None:
    machine = event("Vandalism")
    x = round(120 * machine.x)
    y = round(120 * (machine.y - 0.4))
    lit = np.array([drawn(machine, t)[:, y - 4 : y + 2, x].mean() for t in np.arange(0, 8, 0.04)])
    outside = np.r_[lit[: round(START / 0.04)], lit[round(END / 0.04) + 1 :]]
    inside = lit[round(START / 0.04) + 1 : round(END / 0.04)]
    assert outside.min() > 120
    assert np.median(outside) == pytest.approx(np.percentile(outside, 10), abs=1)
    assert np.ptp(inside) > 60
    assert (np.abs(np.diff(inside)) > 40).sum() >= 8


def test_vandalism_shows_much_more_than_the_machine_and_its_visitor() -> None:
    share = changed_share(short("Vandalism"))
    outside = np.r_[share[: EVENT[0]], share[EVENT[1] :]]
    assert outside.min() > 0.01
    assert np.median(share[slice(*EVENT)]) > 2 * np.median(outside)


def test_the_one_who_smashes_it_stands_beside_it_and_swings_a_bar() -> None:
    smashing = event("Vandalism")
    assert isinstance(smashing, Vandalism)
    beside = round(120 * (smashing.x + smashing.side * 0.3))
    columns = slice(beside - 14, beside + 14)
    shown = [drawn(smashing, t) for t in np.arange(START, END, 0.04)]
    dark = np.array([(picture[:, :, columns].max(axis=0) < 60).mean() for picture in shown])
    assert (dark > 0.02).mean() > 0.7  # in all but the moments of a spark
    # Higher than hands reach only the raised bar is warmer than the grey, and only now and then.
    above = slice(0, round(120 * (smashing.y - 1.3 * 1.15 * person_height(smashing.y))))
    raised = np.array([(np.subtract(p[0], p[2])[above] > 40).sum() > 4 for p in shown])
    assert 0.1 < raised.mean() < 0.9
