from pipeline.report.headline import METRICS
from pipeline.report.headline import build as headline
from pipeline.report.page import render

from .parsed import Node, parse
from .synthetic import build, metric, metrics, null, untrained


def rows(page: Node) -> list[list[str]]:
    table = page.find("table", "metrics")[0]
    return [[n.text for n in tr.walk() if n.tag in ("td", "th")] for tr in table.find("tr")]


def test_the_table_shows_the_numbers_of_metrics_json() -> None:
    found = rows(parse(render(build())))
    assert found == [
        ["Model", "Seeds", "Frame AUC", "AP", "mAP", "shininess"],
        ["Last epoch Nothing was chosen on test data. Read these numbers first."],
        ["ours", "2", "0.820 ± 0.020 0.700–0.910", "n/a 1", "0.500 ± 0.100 0.100–0.600",
         "0.120 ± 0.010"],
        ["plain <b>", "2", "0.650 ± 0.050", "0.305 ± 0.005", "n/a 2", "n/a 3"],
        ["Best epoch on validation The epoch was chosen on videos kept out of training and test. "
         "Fair."],
        ["ours", "2", "0.830 ± 0.020", "n/a 3", "n/a 3", "n/a 3"],
        ["Best epoch on test The epoch was chosen on the test data, as most papers do. "
         "Optimistic; for comparison."],
        ["ours", "2", "0.930 ± 0.020", "n/a 1", "n/a 3", "n/a 3"],
        ["Floors Scores without any learning. A model that does not beat them learned nothing."],
        ["mean_motion", "–", "0.561 0.400–0.700", "n/a 4", "n/a 5", "n/a 5"],
    ]  # fmt: skip


def test_a_null_metric_shows_its_reason() -> None:
    notes = parse(render(build())).find("ol", "footnotes")[0].find("li")
    assert [note.text for note in notes] == [
        "Not available: no event is annotated in the test split",
        "Not available: this head gives no category probabilities",
        "Not available: not computed",
        "Not available: a still camera",
        "Not available: not computed for floors, whose scores are no probabilities",
    ]
    assert notes[3].attrs["id"] == "reason-4"


def test_a_metric_that_no_row_has_is_folded_into_the_footnotes() -> None:
    table = headline(build())
    assert "category_accuracy" not in [column.key for column in table.columns]
    why = "abnormal test videos: none there; this head gives no category probabilities"
    assert table.folded == [("Category accuracy", why)]
    (listed,) = parse(render(build())).find("ul", "footnotes")[0].find("li")
    assert listed.text == f"Category accuracy: not available: {why}"


def test_folded_metrics_of_one_reason_stand_together() -> None:
    last = {"ap": null("no event"), "video_auc": metric(0.9), "frame_auc": null("no event")}
    table = headline(build(metrics={"ours": {"last": last}}))
    assert table.folded == [("Frame AUC, AP", "no event")]
    assert [column.key for column in table.columns] == ["video_auc"]


def test_known_metrics_stand_in_their_order_whatever_that_of_the_file() -> None:
    entry = {name: metric(0.5) for (name, *_) in reversed(METRICS) if name != "map"}
    nested = {"map": {"avg": metric(0.1)}, "by_category": {}} | entry
    table = headline(build(metrics={"ours": {"last": nested}}))
    assert [column.key for column in table.columns] == [
        "frame_auc", "ano_auc", "ap", "ap_trapezoid", "video_auc", "false_alarm_rate",
        "category_accuracy", "category_ap", "map.avg",
    ]  # fmt: skip
    assert all(column.meaning for column in table.columns)


def test_intervals_are_explained_only_where_there_are_any() -> None:
    assert "95 % interval of that mean, by bootstrap" in parse(render(build())).text
    bare = {"ours": {"last": {"frame_auc": metric(0.8, 0.9)}}}
    shown = parse(render(build(metrics=bare)))
    assert "interval" not in shown.find("section")[0].text


def test_each_seed_is_listed_but_not_of_floors() -> None:
    table = parse(render(build())).find("table", "plain")[0]
    listed = [[td.text for td in tr.find("td")] for tr in table.find("tr")[1:]]
    assert ["Last epoch", "ours", "Frame AUC", "0.800 0.840"] in listed
    assert ["Best epoch on validation", "ours", "Frame AUC", "0.810 0.850"] in listed
    assert "mean_motion" not in {row[1] for row in listed}


def test_one_seed_has_no_spread_and_an_unknown_checkpoint_its_own_group() -> None:
    table = headline(
        build(metrics={"new": {"last": {"ap": metric(0.5)}, "averaged": {"ap": metric(0.5)}}})
    )
    assert [group.title for group in table.groups] == ["Last epoch", "averaged"]
    assert table.groups[0].rows[0].cells[0].std == ""
    assert table.groups[0].rows[0].seeds == 1


def test_heads_that_were_not_trained_have_one_cell_with_the_reason() -> None:
    empty = build().scores.iloc[:0]
    page = parse(render(build(metrics=untrained("not trained: no <b>"), scores=empty)))
    assert rows(page)[2:] == [
        ["ours", "–", "not available 1"],
        ["plain <b>", "–", "not available 1"],
    ]
    assert rows(page)[0] == ["Model", "Seeds", "Frame AUC", "AP", "Category accuracy", "mAP"]
    wide = page.find("table", "metrics")[0].find("td", "absent")[0]
    assert wide.attrs["colspan"] == "4"
    assert page.find("ol", "footnotes")[0].text == "Not available: not trained: no <b>"
    assert not page.find("ul", "footnotes")
    assert "Each seed" not in page.text


def test_a_trained_head_beside_an_untrained_one_keeps_its_cells() -> None:
    both = metrics() | {"plain <b>": untrained("too few")["ours"]}
    del both["ours"]["last"]["shininess"]  # an untrained head's metrics do not have it
    ours, plain = headline(build(metrics=both)).groups[0].rows
    assert (ours.footnote, plain.footnote) == (0, 1)


def test_a_row_without_numbers_keeps_its_cells_where_their_reasons_differ() -> None:
    other = {"ap": metric(0.5), "video_auc": metric(0.5)}
    models = {"other": {"last": other}, "ours": {"last": {"ap": null("a"), "video_auc": null("b")}}}
    ours = headline(build(metrics=models)).groups[0].rows[1]
    assert [cell.footnote for cell in ours.cells] == [1, 2]
    assert ours.footnote == 0
