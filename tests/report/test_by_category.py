import pytest

from pipeline.report.by_category import build as by_category
from pipeline.report.page import render

from .parsed import Node, parse
from .synthetic import build, manifest, metric, metrics, null, scores, untrained


def table(page: Node) -> Node:
    section = page.find("section")[0]
    return next(t for t in section.find("table", "wide") if "Category" in t.text)


def test_the_table_shows_each_category_by_models_and_floors() -> None:
    found = table(parse(render(build())))
    heads = [[th.text for th in tr.find("th")] for tr in found.find("thead")[0].find("tr")]
    assert heads[0][0:2] == ["Category", "Videos"]
    assert heads[0][3:] == ["ours", "plain <b>", "mean_motion"]
    assert heads[1] == ["With normal", "Within"] * 3
    rows = [[n.text for n in tr.walk() if n.tag in ("td", "th")] for tr in found.find("tr")[2:]]
    assert rows == [
        ["Fighting", "1", "", "0.900 0.800–1.000", "n/a 1", "0.500", "n/a 1", "0.300", "n/a 1"],
        ["Fire", "1", "", "0.750", "0.250", "0.400", "0.250", "n/a 2", "0.250"],
    ]  # in the dataset's order, not in that of the file


def test_marks_lie_at_the_auc_with_its_interval() -> None:
    fighting, fire = by_category(build()).rows
    assert [(m.colour, m.x, m.y, m.low, m.high) for m in fighting.marks] == [
        (0, "90", "3.5", "80", "100"),
        (1, "50", "10.5", "50", "50"),
        (-1, "30", "17.5", "30", "30"),
    ]
    assert [m.colour for m in fire.marks] == [0, 1]  # the floor has none
    drawing = table(parse(render(build()))).find("svg")[0]
    assert drawing.attrs["viewbox"] == "0 0 100 21"
    assert drawing.find("path", "whisker")[0].attrs["d"] == "M80 3.5H100"
    assert [c.attrs.get("class", "") for c in drawing.find("circle")] == ["", "", "floor"]
    colours = [g.attrs["style"] for g in drawing.find("g")]
    assert colours == ["--c:var(--m0)", "--c:var(--m1)", "--c:var(--muted)"]


def test_a_category_counts_its_scored_test_videos() -> None:
    rows = manifest()
    several = [["Fire", "Fighting"] if len(c) else [] for c in rows["categories"]]
    found = by_category(build(manifest=rows.assign(categories=several)))
    assert [row.n_videos for row in found.rows] == [2, 2]
    fewer = scores().query("video_id != 'one'")
    found = by_category(build(manifest=rows.assign(categories=several), scores=fewer))
    assert [row.n_videos for row in found.rows] == [1, 1]


def test_without_any_score_all_usable_test_videos_count() -> None:
    rows = manifest()
    more = rows.assign(categories=[["Fire"]] * len(rows))  # 3 scored ones, `broken`, `forgotten`
    assert "unreadable" in set(more["status"])
    found = by_category(
        build(manifest=more, metrics=untrained("too few"), scores=scores().iloc[:0])
    )
    assert {row.name: row.n_videos for row in found.rows} == {"Fighting": 0, "Fire": 4}


def test_other_checkpoints_do_not_show() -> None:
    other = {"by_category": {"Fire": {"auc": metric(0.123), "auc_within": metric(0.1)}}}
    changed = metrics()
    changed["ours"]["best_on_test"] |= other
    assert "0.123" not in table(parse(render(build(metrics=changed)))).text


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["Fire"], "no Fire; no Fire within"),
        (["Fire", "Fighting"], "no Fighting; no Fighting within; and so for the others"),
    ],
)
def test_a_table_without_numbers_is_a_line(names: list[str], why: str) -> None:
    entry = {
        name: {"auc": null(f"no {name}"), "auc_within": null(f"no {name} within")} for name in names
    }
    changed = {"ours": {"last": {"frame_auc": metric(0.5), "by_category": entry}}}
    page = parse(render(build(metrics=changed)))
    assert f"Not available: {why}." in page.text
    assert not page.find("table", "wide")


def test_without_categories_there_is_no_table() -> None:
    page = parse(render(build(metrics={"ours": {"last": {"frame_auc": metric(0.5)}}})))
    assert "by category" not in page.text
