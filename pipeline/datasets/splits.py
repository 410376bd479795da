"""Drawn splits: by hash of a name, so that the same videos give the same split everywhere."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction

from pipeline.datasets.listing import Video


def draw(members: Mapping[str, tuple[str, str]], share: float, salt: str = "") -> set[str]:
    """The video ids that make up about `share` of each stratum.

    `members` gives each video's (group, stratum). Groups never part: a group belongs to the stratum
    that most of its videos have (ties: the first by name). In each stratum, groups are taken in the
    order of the SHA-256 of `salt` and their name, each while it fits into `share` of the stratum's
    videos. So a stratum too small for one group gives none, and what is taken falls short of the
    share by less than the stratum's largest group. The result depends on `members` alone, not
    on their order; another `salt` draws independently.
    """
    videos_of: dict[str, list[str]] = defaultdict(list)
    for video_id, (group, _) in members.items():
        videos_of[group].append(video_id)
    groups_of: dict[str, list[str]] = defaultdict(list)
    for group, videos in videos_of.items():
        groups_of[_most_common(members[video_id][1] for video_id in videos)].append(group)
    drawn: set[str] = set()
    for groups in groups_of.values():
        # as a fraction of the decimal: 0.29 * 100 is 28.999999999999996
        wanted = Fraction(str(share)) * sum(len(videos_of[group]) for group in groups)
        for group in sorted(groups, key=lambda name: _place(salt, name)):
            if len(videos_of[group]) <= wanted:
                wanted -= len(videos_of[group])
                drawn.update(videos_of[group])
    return drawn


def _most_common(strata: Iterable[str]) -> str:
    return min(Counter(strata).items(), key=lambda entry: (-entry[1], entry[0]))[0]


def _place(salt: str, name: str) -> bytes:
    return hashlib.sha256(f"{salt}\0{name}".encode()).digest()


def member(video_id: str, group: str | None, categories: tuple[str, ...]) -> tuple[str, str]:
    """(group, stratum) of a video: by itself where it has no group; its first category."""
    return group or video_id, categories[0] if categories else ""


def with_validation(videos: list[Video], share: float) -> list[Video]:
    """The videos with about `share` of the training videos (see `draw`) turned to validation."""
    members = {
        video.video_id: member(video.video_id, video.group, video.categories)
        for video in videos
        if video.split == "train"
    }
    drawn = draw(members, share, salt="validation")
    return [replace(v, split="validation") if v.video_id in drawn else v for v in videos]
