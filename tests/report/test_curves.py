import re

from pipeline.report.curves import N_COLOURS
from pipeline.report.curves import build as curves
from pipeline.report.curves import drawn as in_legend
from pipeline.report.page import TEMPLATES

from .synthetic import build, by_seed, training


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


def drawn(**columns: list[float]) -> dict[str, bool]:
    """Titles of the curves of watched splits, and whether there is a drawing."""
    history = by_seed(epoch=[1, 2], loss=[1, 0.5], **columns)
    return {c.title: bool(c.svg) for c in curves(build(training=history)) if "AUC on" in c.title}


def test_a_split_shows_its_frame_auc_or_else_its_video_auc() -> None:
    nan = float("nan")
    assert drawn(test_frame_auc=[0.5, 0.6], test_video_auc=[0.5, 0.6]) == {
        "Frame AUC on the test videos": True
    }
    assert drawn(test_frame_auc=[nan, nan], test_video_auc=[0.5, 0.6]) == {
        "Video AUC on the test videos": True
    }
    assert drawn(validation_video_auc=[0.5, 0.6], test_frame_auc=[0.5, 0.6]) == {
        "Video AUC on the validation videos": True,
        "Frame AUC on the test videos": True,
    }
    assert drawn(validation_frame_auc=[nan, nan]) == {"Frame AUC on the test videos": False}


def test_the_legend_names_the_models_that_have_a_curve() -> None:
    only = training().query("model == 'plain <b>'")
    empty = {name: getattr(build(), name).iloc[:0] for name in ("roc", "pr")}
    assert in_legend(build(training=only, **empty)) == [(1, "plain <b>")]
    assert in_legend(build(training=only)) == [(0, "ours"), (1, "plain <b>")]
