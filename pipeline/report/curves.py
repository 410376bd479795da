"""ROC, PR and training curves as inline SVG, drawn by matplotlib without global state.

Colours go in as marker colours and come out as CSS variables, so that one drawing serves the
light and the dark page.
"""

import io
import re
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.report.results import Results
from pipeline.report.summary import abnormal_share

N_COLOURS = 7  # --m0 .. --m6 of page.css; further models start again
INK, RULE = "#010203", "#010204"
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: small, selectable, in the page's font
    "svg.hashsalt": "report",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "path.simplify_threshold": 0.3,
    **dict.fromkeys(["axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"], INK),
    "text.color": INK,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
}
NO_METADATA = dict.fromkeys(["Date", "Creator", "Format", "Type"])


@dataclass(frozen=True)
class Curve:
    """A drawing with its title; `note` says how to read it, or why `svg` is empty."""

    title: str
    svg: str
    note: str = ""


@dataclass(frozen=True)
class _Square:
    """What is drawn in the unit square: columns and axis labels as (x, y), heights of chance."""

    title: str
    columns: tuple[str, str]
    labels: tuple[str, str]
    chance: tuple[float, float] | None
    note: str


def build(results: Results) -> list[Curve]:
    """ROC, PR, AUC by split and loss by epoch, then each further loss that any head has."""
    models, training = results.models, results.training
    losses = [c for c in sorted(training.columns) if c.startswith("loss_") and _has(training, c)]
    return [
        _unit(results.roc, models, _roc()),
        _unit(results.pr, models, _pr(abnormal_share(results.metrics.get("data", {})))),
        *(_epochs(training, models, *watched) for watched in _watched(training)),
        _epochs(training, models, "loss", "Training loss"),
        *(_epochs(training, models, loss, f"Training: {loss}") for loss in losses),
    ]


def drawn(results: Results) -> list[tuple[int, str]]:
    """`(index, name)` of each model that any curve may show."""
    known = {
        model for frame in (results.roc, results.pr, results.training) for model in frame["model"]
    }
    return [(index, name) for index, name in enumerate(results.models) if name in known]


def _watched(training: pd.DataFrame) -> list[tuple[str, str]]:
    """`(column, title)` of a watched split's frame AUC, or of its video AUC where that alone is."""
    found = []
    for split in ("validation", "test"):
        choices = {f"{split}_frame_auc": "Frame AUC", f"{split}_video_auc": "Video AUC"}
        known = [column for column in choices if _has(training, column)]
        column = next(iter(known or choices))
        if known or split == "test":
            found.append((column, f"{choices[column]} on the {split} videos"))
    return found


def _has(frame: pd.DataFrame, column: str) -> bool:
    return column in frame and bool(frame[column].notna().any())


def _roc() -> _Square:
    labels = ("False positive rate", "True positive rate")
    return _Square("ROC, all test frames", ("fpr", "tpr"), labels, (0, 1), "Dashed: chance.")


def _pr(share: float | None) -> _Square:
    title, columns, labels = (
        "Precision–recall, all test frames",
        ("recall", "precision"),
        ("Recall", "Precision"),
    )
    if share is None:
        return _Square(title, columns, labels, None, "")
    note = f"Dashed: chance, the share of abnormal frames ({share:.3f})."
    return _Square(title, columns, labels, (share, share), note)


def _unit(frame: pd.DataFrame, models: list[str], square: _Square) -> Curve:
    """One curve a seed, light enough to lie over one another."""
    x, y = square.columns
    points = frame.dropna(subset=[x, y])
    if points.empty:
        return Curve(square.title, "", "Not available: there are no points of this curve.")
    figure, axes = _figure(*square.labels)
    axes.set(xlim=(0, 1), ylim=(0, 1.005))
    if square.chance:
        axes.plot((0, 1), square.chance, color=INK, lw=0.8, ls=(0, (4, 4)), alpha=0.6)
    for (model, _), seed in points.groupby(["model", "seed"], sort=True):
        axes.plot(seed[x], seed[y], color=_marker(models, str(model)), lw=1.3, alpha=0.6)
    return Curve(square.title, inline_svg(figure, y), square.note)


def _epochs(frame: pd.DataFrame, models: list[str], column: str, title: str) -> Curve:
    """A quantity by epoch: light lines for the seeds, a strong one for their mean."""
    points = frame.dropna(subset=[column]) if _has(frame, column) else frame.iloc[:0]
    if points.empty:
        return Curve(title, "", "Not available: it was not recorded in training.")
    figure, axes = _figure("Epoch", "")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for (model, _), seed in points.groupby(["model", "seed"], sort=True):
        axes.plot(seed["epoch"], seed[column], color=_marker(models, str(model)), lw=0.9, alpha=0.4)
    for (model,), own in points.groupby(["model"], sort=True):
        mean = own.groupby("epoch")[column].mean()
        axes.plot(mean.index, mean, color=_marker(models, str(model)), lw=2)
    return Curve(title, inline_svg(figure, column), "Light: each seed. Strong: their mean.")


def _figure(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.2, 3.1), layout="constrained")
        axes = figure.add_subplot(xlabel=x_label, ylabel=y_label)
        axes.grid(True)
        axes.set_axisbelow(True)
    return figure, axes


def _marker(models: list[str], model: str) -> str:
    return f"#0a0b{models.index(model) % N_COLOURS:02x}"


def inline_svg(figure: Figure, name: str) -> str:
    """The drawing's `<svg>`, with CSS colours, and ids that differ from the other drawings'."""
    out = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(out, format="svg", transparent=True, metadata=NO_METADATA)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    prefix = re.sub(r"\W", "_", name)
    text = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{prefix}-", text)
    text = re.sub(r"#0a0b(\w\w)", lambda found: f"var(--m{int(found[1], 16)})", text)
    text = text.replace(INK, "currentColor").replace(RULE, "var(--rule)")
    return text.replace("<svg", '<svg aria-hidden="true"', 1)
