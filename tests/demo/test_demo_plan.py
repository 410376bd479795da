"""The plan: which videos exist, how they are split, and where their events lie."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.config import DEMO_CATEGORIES, Demo
from pipeline.demo import plan_videos
from pipeline.demo.events import EVENTS
from pipeline.demo.layouts import LAYOUTS
from pipeline.demo.plan import SCENES_OF
from tests.demo.conftest import SIX, eighty


def test_every_category_can_be_drawn_somewhere() -> None:
    assert set(EVENTS) == set(SCENES_OF) == set(DEMO_CATEGORIES)
    assert {scene for scenes in SCENES_OF.values() for scene in scenes} <= set(LAYOUTS)


def test_default_counts() -> None:
    videos = plan_videos(eighty())
    count = Counter((video.split, video.category) for video in videos)
    assert len(videos) == 80
    assert count["train", None] == 28
    assert count["test", None] == 12
    assert all(count["train", category] in (4, 5) for category in SIX)
    assert all(count["test", category] == 2 for category in SIX)


def test_names_and_paths_are_those_of_ucf_crime() -> None:
    by_name = {video.name: video for video in plan_videos(eighty())}
    assert len(by_name) == 80
    normal = by_name["Normal_Videos001_x264"]
    assert normal.path == "Training-Normal-Videos-Part-1/Normal_Videos001_x264.mp4"
    assert normal.listed == "Training_Normal_Videos_Anomaly/Normal_Videos001_x264.mp4"
    test = by_name["Normal_Videos_101_x264"]
    assert test.path == test.listed == "Testing_Normal_Videos_Anomaly/Normal_Videos_101_x264.mp4"
    fire = by_name["Fire001_x264"]
    assert fire.path == "Anomaly-Videos-Part-1/Fire/Fire001_x264.mp4"
    assert fire.listed == "Fire/Fire001_x264.mp4"


def test_lengths_and_rates_are_in_range() -> None:
    videos = plan_videos(eighty())
    seconds = [video.n_frames / video.fps for video in videos]
    assert all(7.9 <= s <= 40.1 for s in seconds)
    assert 14 <= sum(seconds) / len(seconds) <= 16
    assert all(25 <= video.fps <= 30 for video in videos)
    assert all(video.width % 2 == 0 and video.height % 2 == 0 for video in videos)


def test_special_encodings_and_the_two_broken_ones() -> None:
    videos = plan_videos(eighty())
    codecs = Counter(video.codec for video in videos)
    assert all(codecs[codec] >= 4 for codec in ("b_frames", "variable_rate", "long_gop"))
    broken = [video for video in videos if video.broken]
    assert sorted(video.broken or "" for video in broken) == ["damaged", "truncated"]
    assert {video.split for video in broken} == {"train"}


def test_a_normal_video_shares_the_look_of_an_anomalous_one() -> None:
    videos = plan_videos(eighty())
    for split in ("train", "test"):
        looks: dict[bool, Counter[tuple[str, float, float]]] = {True: Counter(), False: Counter()}
        for video in videos:
            if video.split == split:
                looks[video.category is None][video.scene, video.light, video.noise] += 1
        assert looks[True] == looks[False]


def test_noise_and_daylight_are_those_of_the_settings() -> None:
    by_day = plan_videos(eighty())
    night = Demo.model_validate(
        eighty().model_dump() | {"min_noise": 5.0, "max_noise": 8.0, "daylight": 0.4}
    )
    by_night = plan_videos(night)
    assert {video.daylight for video in by_day} == {1.0}
    assert {video.daylight for video in by_night} == {0.4}
    for plan, low, high in ((by_day, 2.0, 6.0), (by_night, 5.0, 8.0)):
        noise = [video.noise for video in plan]
        assert (min(noise), max(noise)) == (low, high)
    # Nothing else of the plan changes with them.
    same = [replace(v, noise=0.0, daylight=1.0) for v in by_night]
    assert same == [replace(v, noise=0.0) for v in by_day]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n_train=st.integers(4, 70),
    n_test=st.integers(4, 40),
    seconds=st.floats(1.0, 30.0),
)
def test_events_lie_inside_and_keep_their_share(
    seed: int, n_train: int, n_test: int, seconds: float
) -> None:
    plan = plan_videos(
        Demo(
            seed=seed, n_train=n_train, n_test=n_test, categories=["Fire", "Panic"],
            min_seconds=seconds, mean_seconds=1.5 * seconds, max_seconds=2.5 * seconds,
        )
    )  # fmt: skip
    assert Counter(video.split for video in plan) == {"train": n_train, "test": n_test}
    assert sum(video.broken is not None for video in plan) == 2
    for video in plan:
        assert len(video.events) in ((1, 2) if video.category else (0,))
        edges = [edge for event in video.events for edge in (event.start, event.end)]
        assert edges == sorted(set(edges))
        assert all(0 <= edge <= video.n_frames for edge in edges)
        assert all(event.category == video.category for event in video.events)
        if video.category:
            share = sum(event.end - event.start for event in video.events) / video.n_frames
            assert 0.1 <= share <= 0.5


def test_plan_depends_on_the_seed_only() -> None:
    assert plan_videos(eighty(3)) == plan_videos(eighty(3))
    events = [
        [replace(video, broken=None).events for video in plan_videos(eighty(seed))]
        for seed in (3, 4)
    ]
    assert events[0] != events[1]


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"n_train": 8}, "n_train: 8 videos"),
        ({"n_test": 11}, "n_test: 11 videos.*set it to 12 or more"),
        ({"categories": ["Fire", "Arson"]}, "cannot draw \\['Arson'\\]"),
        ({"categories": ["Fire", "Fire"]}, "names one twice"),
        ({"mean_seconds": 50.0}, "mean_seconds must lie between"),
        ({"min_noise": 7.0}, "min_noise: 7.0 is more than max_noise 6.0"),
        ({"daylight": 0.0}, "daylight"),
        ({"frames": 3}, "frames"),
    ],
)
def test_wrong_settings_name_themselves(wrong: dict[str, object], hint: str) -> None:
    with pytest.raises(ValidationError, match=hint):
        Demo.model_validate({"seed": 0, "n_train": 56, "n_test": 24, "categories": SIX} | wrong)
