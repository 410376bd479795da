from pipeline.report.headline import build as headline
from pipeline.report.page import render

from .parsed import Node, parse
from .synthetic import build


def rows(page: Node) -> list[list[str]]:
    table = page.find("table", "metrics")[0]
    return [[n.text for n in tr.walk() if n.tag in ("td", "th")] for tr in table.find("tr")]


def test_the_table_shows_the_numbers_of_metrics_json() -> None:
    found = rows(parse(render(build())))
    assert found == [
        ["Model", "Seeds", "Frame AUC", "AP", "shininess"],
        ["Last epoch Nothing was chosen on test data. Read these numbers first."],
        ["ours", "2", "0.820 ± 0.020", "not available 1", "0.120 ± 0.010"],
        ["plain <b>", "2", "0.650 ± 0.050", "0.305 ± 0.005", "not available 2"],
        ["Best epoch on test The epoch was chosen on the test data, as most papers do. "
         "Optimistic; for comparison."],
        ["ours", "2", "0.930 ± 0.020", "not available 1", "not available 2"],
        ["Floors Scores without any learning. A model that does not beat them learned nothing."],
        ["mean_motion", "–", "0.561", "not available 3", "not available 2"],
    ]  # fmt: skip


def test_a_null_metric_shows_its_reason() -> None:
    notes = parse(render(build())).find("ol", "footnotes")[0].find("li")
    assert [note.text for note in notes] == [
        "Not available: no event is annotated in the test split",
        "Not available: not computed",
        "Not available: a still camera",
    ]


def test_each_seed_is_listed() -> None:
    table = parse(render(build())).find("table", "plain")[0]
    listed = [[td.text for td in tr.find("td")] for tr in table.find("tr")[1:]]
    assert ["Last epoch", "ours", "Frame AUC", "0.800 0.840"] in listed
    assert ["Best epoch on test", "ours", "Frame AUC", "0.910 0.950"] in listed


def test_one_seed_has_no_spread_and_an_unknown_checkpoint_its_own_group() -> None:
    one = {"mean": 0.5, "std": 0.0, "per_seed": [0.5]}
    table = headline(build(metrics={"new": {"last": {"ap": one}, "averaged": {"ap": one}}}))
    assert [group.title for group in table.groups] == ["Last epoch", "averaged"]
    assert table.groups[0].rows[0].cells[0].std == ""
