import re

from pipeline.report.curves import N_COLOURS
from pipeline.report.curves import build as curves
from pipeline.report.page import TEMPLATES

from .synthetic import build, training


def test_a_drawing_for_each_recorded_quantity() -> None:
    drawn = {curve.title: curve for curve in curves(build())}
    assert list(drawn) == [
        "ROC, all test frames",
        "Precision–recall, all test frames",
        "Frame AUC on the test videos",
        "Training loss",
        "Training: loss_gmm",  # `loss_unused` is NaN everywhere
    ]
    assert "(0.250)" in drawn["Precision–recall, all test frames"].note


def test_a_head_without_a_loss_term_is_not_drawn() -> None:
    drawn = {curve.title: curve.svg for curve in curves(build())}
    assert {"var(--m0)", "var(--m1)"} <= set(re.findall(r"var\(--m\d\)", drawn["Training loss"]))
    assert set(re.findall(r"var\(--m\d\)", drawn["Training: loss_gmm"])) == {"var(--m0)"}


def test_colours_are_the_pages() -> None:
    css = (TEMPLATES / "page.css").read_text()
    for drawing in curves(build()):
        assert not re.search(r"#0[0-9a-f]{5}", re.sub(r"#\w+-\w+", "", drawing.svg))
    assert all(css.count(f"--m{i}:") == 2 for i in range(N_COLOURS))  # light and dark


def test_empty_curves_say_so() -> None:
    empty = build(roc=build().roc.iloc[:0], training=training().assign(test_frame_auc=float("nan")))
    roc, _, auc, *_ = curves(empty)
    assert roc.svg == auc.svg == ""
    assert roc.note.startswith("Not available")
    assert auc.note.startswith("Not available")
