"""Which of a user's captions each snippet gets."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

import pytest
from hypothesis import given, strategies

from pipeline.config import FileCaption
from pipeline.encoders.captioners.file.captioner import FileCaptioner, align
from pipeline.encoders.captioners.snippets import Given, Snippets
from pipeline.video.snippets import edges
from tests.runtime import RUNTIME

NAN = float("nan")


def video(n_frames: int, n_snippets: int, captions: Sequence[Given]) -> Snippets:
    cuts = edges(n_frames, n_snippets)
    return Snippets("v", cuts[:-1], cuts[1:], [[b""]] * n_snippets, captions)


def spans(*rows: tuple[float, float]) -> list[Given]:
    """Captions a, b, c, ... of these frames."""
    return [Given(*row, chr(ord("a") + i), row=i + 1) for i, row in enumerate(rows)]


def numbered(*snippets: int) -> list[Given]:
    return [Given(NAN, NAN, f"s{n}", n, i + 1) for i, n in enumerate(snippets)]


@pytest.mark.parametrize(
    ("captions", "empty", "nearest"),
    [  # of snippets [0, 10), [10, 20), [20, 30), [30, 40)
        (spans((0, 10), (10, 20), (20, 30), (30, 40)), "a b c d", "a b c d"),
        (spans((0, 40)), "a a a a", "a a a a"),
        (spans((0, 14), (14, 40)), "a b b b", "a b b b"),
        (spans((0, 15), (15, 40)), "a a b b", "a a b b"),  # equal in the second: the earlier
        (spans((20, 30), (0, 10)), "b - a -", "b b a a"),  # touching [10, 20) is no overlap
        (spans((12, 18), (12, 18)), "- a - -", "a a a a"),  # alike: the first in the table
        (spans((11, 19), (10, 19)), "- b - -", "b b b b"),
        (spans((10, 10)), "- a - -", "a a a a"),  # an instant is in the snippet it begins
        (spans((15, 15), (19.9, 25)), "- b b -", "a b b b"),  # and yields to any length
        (spans((15, 15), (12, 12)), "- b - -", "b b a a"),
        (spans((40, 40)), "- - - -", "a a a a"),  # after the last frame
        (spans((5, 400)), "a a a a", "a a a a"),
        (numbered(2, 0), "s0 - s2 -", "s0 s0 s2 s2"),
        ([*numbered(1), *spans((0, 40))], "a s1 a a", "a s1 a a"),
        ([*numbered(1), *spans((8, 19))], "a s1 - -", "a s1 s1 s1"),
    ],
)
def test_small_tables(captions: list[Given], empty: str, nearest: str) -> None:
    own = video(40, 4, captions)
    assert " ".join(caption or "-" for caption in align(own, nearest=False)) == empty
    assert " ".join(align(own, nearest=True)) == nearest


def test_of_many_alike_the_first_in_the_table_is_taken() -> None:
    many = [Given(10, 20, f"caption {n}") for n in range(500)]
    assert align(video(40, 4, many), nearest=True) == ["caption 0"] * 4


def test_a_snippet_without_frames_shows_the_one_at_its_start() -> None:
    assert edges(2, 4) == [0, 0, 1, 1, 2]
    own = video(2, 4, spans((0, 1), (1, 2)))
    assert align(own, nearest=False) == ["a", "a", "b", "b"]
    own = video(2, 4, numbered(0, 3))
    assert align(own, nearest=False) == ["s0", "", "", "s3"]


def by_counting(video: Snippets, nearest: bool) -> list[str]:
    """The same by quarters of frames, one after the other."""
    found = []
    for start, end in zip(video.start, video.end, strict=True):
        shown = set(range(4 * start, 4 * max(end, start + 1)))
        ranks = []
        for i, row in enumerate(video.given):
            own = set(range(int(4 * row.start), int(4 * row.end)))
            instant = not own and int(4 * row.start) in shown
            first, last = min(shown), max(shown) + 1
            away = max(4 * row.start - last, first - 4 * row.end, 0)
            ranks.append(((-len(own & shown), not instant, away, row.start, i), row.caption))
        (overlap, no_instant, *_), caption = min(ranks)
        found.append(caption if nearest or overlap or not no_instant else "")
    return found


quarters = strategies.integers(0, 4 * 30).map(lambda n: float(Fraction(n, 4)))


@given(
    n_frames=strategies.integers(1, 24),
    n_snippets=strategies.integers(1, 6),
    ends=strategies.lists(
        strategies.tuples(quarters, quarters).map(sorted), min_size=1, max_size=6
    ),
    nearest=strategies.booleans(),
)
def test_against_counting(
    n_frames: int, n_snippets: int, ends: list[list[float]], nearest: bool
) -> None:
    own = video(n_frames, n_snippets, spans(*[(start, end) for start, end in ends]))
    assert align(own, nearest=nearest) == by_counting(own, nearest)


def captioned(
    *videos: Snippets, gaps: Literal["empty", "nearest"] = "empty"
) -> list[list[str] | str]:
    """What the backend makes of each; an error as its text."""
    settings = FileCaption(backend="file", path="c.csv", made_by="a test", gaps=gaps)
    found = dict(FileCaptioner(settings, RUNTIME)(videos))
    return [str(own) if isinstance(own, Exception) else own for _, own in sorted(found.items())]


def test_a_video_that_has_no_captions_costs_itself_alone() -> None:
    good = video(40, 2, spans((0, 20)))
    found = captioned(
        good, video(40, 2, ()), video(40, 2, numbered(0, 2)), video(40, 2, numbered(1))
    )
    assert found[0] == ["a", ""]
    assert found[1] == "no caption of this video in c.csv; add rows of it"
    assert str(found[2]).startswith("c.csv, line 2, column 'snippet': found 2, expected 0 to 1;")
    assert found[3] == ["", "s1"]
    assert captioned(good, gaps="nearest") == [["a", "a"]]


def test_times_in_another_unit_are_noticed() -> None:
    late = spans((0, 5), (40, 45), (80, 90))
    (found,) = captioned(video(40, 2, late))
    assert str(found).startswith("c.csv, line 2: 2 of 3 captions begin after the video's 40 frames")
    assert "caption.unit, 'seconds'" in str(found)
    assert captioned(video(40, 2, late[:2])) == [["a", ""]]
