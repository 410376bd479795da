"""The pictures of category logits: as files, on the page, and what stands in their place."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

from pipeline.errors import UserError
from pipeline.report import tsne
from pipeline.report.curves import N_COLOURS
from pipeline.report.page import TEMPLATES, render

from .parsed import Node, parse
from .synthetic import SCRIPT, build

ABOUT: dict[str, Any] = {
    "seed": 3, "checkpoint": "last", "n_videos": 4, "perplexity": 1.0,
    "neighbour_accuracy": 0.75, "chance": 1 / 3, "chance_95": 0.5,
}  # fmt: skip
FORMULA = "_a $x$ <b>"
CATEGORIES = ["Fighting", "Fire", FORMULA]


def points(model: str = "ours", categories: list[str] | None = None) -> pd.DataFrame:
    shown = categories or ["Fire", "Fire", FORMULA, FORMULA]
    places = [float(i) for i in range(len(shown))]
    return pd.DataFrame({"model": model, "category": shown, "x": places, "y": places[::-1]})


def marks(svg: str) -> list[str]:
    """Shape and colour of each mark: the legend has one of a category beside those drawn."""
    root = ElementTree.fromstring(svg)
    drawn = [
        f"{node.attrib['{http://www.w3.org/1999/xlink}href']} {found[1]}"
        for node in root.iter("{http://www.w3.org/2000/svg}use")
        if (found := re.search(r"fill: ([^;]+)", node.attrib.get("style", "")))
    ]
    return sorted(drawn)


def text_of(svg: str) -> str:
    return " ".join("".join(ElementTree.fromstring(svg).itertext()).split())


def section(page: Node) -> Node:
    return next(s for s in page.find("section") if s.attrs["id"] == "category-logits")


@pytest.fixture(scope="module")
def html() -> str:
    both = pd.concat([points(), points("plain <b>")], ignore_index=True)
    weak = ABOUT | {"neighbour_accuracy": 0.5, "seed": 4}
    late = {"seed": 3, "reason": f"not trained: {SCRIPT}"}
    about = {"ours": ABOUT, "plain <b>": weak, "late": late}
    return render(build(tsne=both, on_tsne=about, categories=CATEGORIES[:2]))


def test_a_file_says_what_it_shows_and_how_to_read_it() -> None:
    svg = tsne.picture(points(), CATEGORIES, "ours", ABOUT)
    shown = text_of(svg)
    assert "Category logits of ours (seed 3)" in shown
    assert tsne.HOW_TO_READ in shown
    assert "shares a category: 0.750 (chance 0.333, 95 % of shuffles at most 0.500)" in shown
    assert FORMULA in shown
    assert "Fighting" not in shown  # no video of it
    assert not re.search(r"#0[01]0[0-9a-f]0|#0a0b|var\(", svg)  # every colour is a real one
    assert tsne.picture(points(), CATEGORIES, "ours", ABOUT) == svg


def test_a_mark_for_each_video_of_the_head_and_each_category_of_the_legend() -> None:
    table = pd.concat([points(), points("other", ["Fighting"] * 9)])
    drawn = marks(tsne.picture(table, CATEGORIES, "ours", ABOUT))
    assert len(drawn) == 4 + 2
    assert {mark.split()[1] for mark in drawn} == {tsne.PALETTE[1], tsne.PALETTE[2]}


def test_no_two_of_56_categories_look_alike() -> None:
    names = [f"c{i}" for i in range(56)]
    drawn = marks(tsne.picture(points(categories=names), names, "ours", ABOUT))
    assert len(drawn) == 2 * 56
    assert len(set(drawn)) in {56, 2 * 56}  # the legend may have shapes of its own
    first = marks(tsne.picture(points(categories=names[:8]), names, "ours", ABOUT))
    assert len({mark.split()[0] for mark in first}) in {8, 16}  # not by colour alone


def test_a_category_looks_the_same_whichever_others_are_shown() -> None:
    both = marks(tsne.picture(points(), CATEGORIES, "ours", ABOUT))
    one = marks(tsne.picture(points(categories=[FORMULA]), CATEGORIES, "ours", ABOUT))
    assert {mark.split()[1] for mark in one} == {tsne.PALETTE[2]}
    assert set(one) <= set(both)


def test_the_files_colours_are_those_of_the_light_page() -> None:
    light = (TEMPLATES / "page.css").read_text().split("@media")[0]
    colours = dict(re.findall(r"--(m\d|ink|rule): (#\w+);", light))
    assert list(tsne.PALETTE[:-1]) == [colours[f"m{i}"] for i in range(N_COLOURS - 1)]
    assert (tsne.PALETTE[-1], colours[f"m{N_COLOURS - 1}"]) == ("#000000", "#000")
    assert list(tsne.ON_PAPER.values()) == [colours["ink"], colours["rule"]]


def test_names_that_look_like_numbers_or_gaps_stay_names(tmp_path: Path) -> None:
    table = points(categories=["NA", "007", "", "None"]).assign(video_id="010", categories="1;2")
    table.to_csv(tmp_path / "tsne.csv", index=False)
    pd.testing.assert_frame_equal(tsne.read(tmp_path / "tsne.csv"), table)


def test_the_page_has_the_pictures_and_what_they_are_worth(html: str) -> None:
    found = section(parse(html)).find("figure")
    assert [f.find("figcaption")[0].text for f in found] == ["ours, seed 3", "plain <b>, seed 4"]
    assert all(len(figure.find("svg")) == 1 for figure in found)
    facts = [figure.find("p")[0].text for figure in found]
    assert "shares a category for 0.750 of them: more than chance explains (0.333 by" in facts[0]
    assert "shares a category for 0.500 of them: chance explains that (0.333 by" in facts[1]
    assert "at most 0.500 in 95 % of" in facts[0]


def test_the_drawings_take_the_pages_colours(html: str) -> None:
    first = html[html.index("Each mark is") :]
    svg = first[first.index("<svg") : first.index("</svg>")]
    assert "var(--m1)" in svg
    assert not re.search(r"#0[0-9a-f]{5}", re.sub(r"#tsne0-\w+", "", svg))


def test_the_page_stays_whole_and_safe(html: str) -> None:
    page = parse(html)
    ids = [node.attrs["id"] for node in page.walk() if "id" in node.attrs]
    assert len(ids) == len(set(ids))
    uses = [n.attrs["xlink:href"] for n in page.find("use")]
    links = [a.attrs["href"] for a in page.find("a")] + re.findall(r"url\((#[^)]*)\)", html) + uses
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert SCRIPT not in html
    assert f"late, not available: not trained: {SCRIPT}." in page.text


def test_without_a_picture_the_page_says_why() -> None:
    shown = section(parse(render(build())))
    assert not shown.find("figure")
    assert "ours, not available: too few <i>videos</i>." in shown.text
    assert "Each mark" not in shown.text


def test_a_table_without_points_is_refused() -> None:
    with pytest.raises(UserError, match=r"tsne lacks the columns \['x', 'y'\]"):
        render(build(tsne=points().drop(columns=["x", "y"])))
