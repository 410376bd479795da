import re

from pipeline.ablation_text import about_stars
from pipeline.report.ablation import build as ablation
from pipeline.report.ablation import signed
from pipeline.report.page import render

from .parsed import Node, parse
from .synthetic import ablation as numbers
from .synthetic import build, null


def table(page: Node, number: int = 0) -> Node:
    return page.find("table", "ablation")[number]


def test_checkpoints_stand_apart_rows_in_order() -> None:
    page = parse(render(build(ablation=numbers())))
    groups = [body for own in page.find("table", "ablation") for body in own.find("tbody")]
    titles = [body.find("tr", "group")[0].text for body in groups]
    assert titles[0].startswith("Last epoch Nothing was chosen on test data")
    assert titles[1].startswith("Best epoch on test The epoch was chosen on the test data")
    assert len(groups) == 2
    folded = [own for own in page.find("details") if own.find("table", "ablation")]
    assert [own.find("tbody")[0].text for own in folded] == [groups[1].text]
    for body in groups:
        names = [tr.find("th")[0].text for tr in body.find("tr")[1:]]
        assert names == [
            "all no change; 1,234 parameters",
            "without <b> motar.shift none, note <script>alert(1)</script>; 900 parameters",
            "text only no change",
        ]


def test_cells_are_means_and_marked_differences() -> None:
    rows = table(parse(render(build(ablation=numbers())))).find("tbody")[0].find("tr")[1:]
    cells = [[td.text for td in tr.find("td")] for tr in rows]
    assert cells[0] == ["0.800", "", "0.800", "", "0.800", "", "0.800", ""]
    unsure = "−0.100 −0.150 to +0.050"
    sure = "−0.100 * the interval excludes 0 −0.150 to −0.050"
    assert cells[1] == ["0.700", unsure, "n/a 1", "", "0.700", sure, "0.700", unsure]
    assert cells[2] == ["not available 2"]
    bold = [td.find("b")[0].text for td in rows[1].find("td")[1::2] if td.find("b")]
    assert len(bold) == 1


def test_nothing_is_marked_where_the_epoch_was_chosen_on_the_test_videos() -> None:
    rows = table(parse(render(build(ablation=numbers()))), 1).find("tbody")[0].find("tr")[1:]
    cells = [td.text for td in rows[1].find("td")]
    assert cells == ["0.700", "−0.100", "n/a 1", "", "0.700", "−0.100", "0.700", "−0.100"]
    assert not [td for td in rows[1].find("td")[1::2] if td.find("b")]


def test_hidden_text_widens_its_table_and_not_the_page() -> None:
    (rule,) = re.findall(r"\.scroll \{(.*?)\}", render(build(ablation=numbers())))[:1]
    assert "position: relative" in rule


def test_reasons_and_how_to_read_stand_beside() -> None:
    page = parse(render(build(ablation=numbers())))
    assert "Not available: no event <i>here</i>" in page.text
    assert "Not available: there is no text" in page.text
    assert "the difference to all , seed by seed" in page.text
    assert about_stars(numbers()) in page.text
    assert "on 3 test videos" in page.text
    assert page.find("a")[1].attrs["href"] == "#metrics"
    assert "ablation" in {node.attrs.get("id") for node in page.walk()}


def test_published_numbers_have_a_labelled_column_where_there_are_any() -> None:
    page = parse(render(build(ablation=numbers())))
    assert "in the paper" not in page.text
    changed = numbers()
    changed["rows"]["all"]["published"] = 0.8889
    page = parse(render(build(ablation=changed)))
    assert "Frame AUC in the paper" in table(page).text
    rows = table(page).find("tbody")[0].find("tr")[1:]
    assert [tr.find("td")[-1].text for tr in rows] == ["0.889", "", ""]
    assert "as published, on the authors' own features" in page.text


def test_a_dataset_without_an_ablation_is_a_line() -> None:
    empty = {"reference": "all", "note": "No ablation & why", "n_train": 0, "n_test": 0, "rows": {}}
    page = parse(render(build(ablation=empty)))
    assert not page.find("table", "ablation")
    assert "No ablation & why" in page.text


def test_rows_that_cannot_be_had_alone_still_make_a_table() -> None:
    changed = numbers()
    for row in changed["rows"].values():
        row.pop("checkpoints", None)
        row |= {"reason": "no test video"}
    found = ablation(build(ablation=changed))
    assert [title for title, _, _ in found.groups] == ["Last epoch"]
    assert found.notes.reasons == ["no test video"]


def test_a_metric_without_difference_is_blank() -> None:
    changed = numbers()
    less = changed["rows"]["without <b>"]["checkpoints"]["last"]
    less["ap"]["difference"] = null("no")
    (_, difference) = ablation(build(ablation=changed)).groups[0][2][1].cells[2]
    assert (difference.mean, difference.sure) == ("", False)


def test_signs() -> None:
    assert [signed(x) for x in (0.1234, -0.1, 0.0, -0.0001)] == [
        "+0.123",
        "−0.100",
        "0.000",
        "0.000",
    ]
