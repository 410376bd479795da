from collections import Counter, defaultdict
from math import floor
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.datasets.listing import Video
from pipeline.datasets.splits import draw, member, with_validation

Members = dict[str, tuple[str, str]]
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
MEMBERS = st.dictionaries(
    NAMES, st.tuples(st.sampled_from([f"g{i}" for i in range(12)]), st.sampled_from("xyz")),
    max_size=60,
)  # fmt: skip
SHARES = st.floats(0.01, 0.99).map(lambda share: round(share, 2))


def groups(members: Members) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for video, (group, _) in members.items():
        found[group].add(video)
    return found


def strata(members: Members) -> dict[str, list[set[str]]]:
    """The groups of each stratum, by a plain count of votes."""
    found: dict[str, list[set[str]]] = defaultdict(list)
    for videos in groups(members).values():
        votes = Counter(members[video][1] for video in videos)
        most = max(votes.values())
        found[min(name for name, count in votes.items() if count == most)].append(videos)
    return found


@given(MEMBERS, SHARES, st.randoms())
def test_a_draw_knows_no_order_and_parts_no_group(
    members: Members, share: float, random: Random
) -> None:
    drawn = draw(members, share)
    shuffled = list(members.items())
    random.shuffle(shuffled)
    assert draw(dict(shuffled), share) == drawn
    for videos in groups(members).values():
        assert videos <= drawn or not videos & drawn


@given(MEMBERS, SHARES)
def test_each_stratum_falls_short_of_its_share_by_less_than_a_group(
    members: Members, share: float
) -> None:
    drawn = draw(members, share)
    for videos in strata(members).values():
        total, taken = sum(map(len, videos)), sum(len(group & drawn) for group in videos)
        assert taken <= share * total + 1e-9
        assert taken > share * total - max(map(len, videos)) - 1e-9


@given(st.integers(1, 120), st.sampled_from([0.1, 0.29, 0.3, 0.5, 0.57]))
def test_videos_without_groups_give_the_share_rounded_down(n: int, share: float) -> None:
    drawn = draw({f"v{i}": (f"v{i}", "x") for i in range(n)}, share)
    assert len(drawn) == floor(round(100 * share) * n / 100 + 1e-9)


def test_a_stratum_too_small_gives_none_and_the_others_their_own_share() -> None:
    members = {f"a{i}": (f"a{i}", "Fight") for i in range(20)}
    members |= {f"b{i}": (f"b{i}", "Fall") for i in range(4)}
    assert Counter(name[0] for name in draw(members, 0.2)) == {"a": 4}
    assert Counter(name[0] for name in draw(members, 0.25)) == {"a": 5, "b": 1}


def test_the_order_is_that_of_the_hash_and_another_salt_draws_anew() -> None:
    members = {f"v{i}": (f"v{i}", "") for i in range(10)}
    # printf '\0v7' | sha256sum and so on: the three smallest digests
    assert draw(members, 0.3) == {"v7", "v9", "v4"}
    assert draw(members, 0.3, salt="validation") != {"v7", "v9", "v4"}


def test_a_video_counts_with_its_first_category_and_without_a_group_by_itself() -> None:
    assert member("v", None, ("Fight", "Fall")) == ("v", "Fight")
    assert member("v", "cam", ()) == ("cam", "")


def video(name: str, split: str, *categories: str, group: str | None = None) -> Video:
    return Video(name, Path(f"{name}.mp4"), split, categories, group=group)


def test_validation_takes_training_videos_alone_by_category_and_group() -> None:
    videos = [video(f"n{i}", "train") for i in range(10)]
    videos += [video(f"f{i}", "train", "Fight", "Fall", group=f"cam{i // 2}") for i in range(10)]
    videos += [video(f"t{i}", "test") for i in range(10)]
    found = {v.video_id: v.split for v in with_validation(videos, 0.2)}
    assert Counter((name[0], split) for name, split in found.items()) == {
        ("n", "train"): 8,
        ("n", "validation"): 2,
        ("f", "train"): 8,
        ("f", "validation"): 2,
        ("t", "test"): 10,
    }
    assert all(found[f"f{i}"] == found[f"f{i + 1}"] for i in range(0, 10, 2))


@pytest.mark.parametrize("folder", ["a", "b/c"])
def test_the_split_does_not_depend_on_the_folder(folder: str) -> None:
    here = [video(f"v{i}", "train") for i in range(20)]
    there = [Video(v.video_id, Path(folder, v.path), v.split) for v in reversed(here)]
    splits = {v.video_id: v.split for v in with_validation(there, 0.3)}
    assert splits == {v.video_id: v.split for v in with_validation(here, 0.3)}
