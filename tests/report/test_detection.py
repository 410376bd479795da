from pipeline.report.page import render

from .parsed import Node, parse
from .synthetic import build, manifest, metric, metrics


def table(page: Node) -> list[list[str]]:
    (found,) = [t for t in page.find("table", "wide") if "IoU" in t.text]
    return [[n.text for n in tr.walk() if n.tag in ("td", "th")] for tr in found.find("tr")]


def test_both_forms_by_iou_with_their_classes() -> None:
    head, corrected, ours, plain, compat, ours_compat, _ = table(parse(render(build())))
    assert head == ["Model", "IoU 0.1", "IoU 0.2", "IoU 0.3", "IoU 0.4", "IoU 0.5", "AVG"]
    assert corrected[0].startswith("Corrected, 2 classes Mean over the categories with an annot")
    assert ours == [
        "ours",
        "0.600",
        "0.500",
        "0.400",
        "0.300",
        "0.200",
        "0.500 ± 0.100 0.100–0.600",
    ]
    assert plain == ["plain <b>", "not available 1"]
    assert compat[0].startswith("Compat, 3 classes As VadCLIP and DSANet print it")
    assert ours_compat[1:4] == ["0.500", "0.400", "0.300"]


def test_corrected_counts_the_categories_that_have_an_event() -> None:
    rows = manifest()
    without = rows.assign(
        events=[[] if v == "one" else e for v, e in rows[["video_id", "events"]].values]
    )
    found = table(parse(render(build(manifest=without))))
    assert found[1][0].startswith("Corrected, 1 class ")
    assert found[4][0].startswith("Compat, 3 classes ")


def test_without_a_head_that_names_categories_there_is_a_line() -> None:
    page = parse(render(build(metrics={"plain <b>": metrics()["plain <b>"]})))
    why = "Not available: this head gives no category probabilities."
    assert why in page.find("section")[0].text
    assert "IoU 0.2" not in page.text


def test_metrics_without_detection_have_no_table() -> None:
    page = parse(render(build(metrics={"ours": {"last": {"frame_auc": metric(0.5)}}})))
    assert "Temporal detection" not in page.text
